"""The end of an ager's run: its figures and its model folder."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from agekit.atomic import write_from_memory
from agekit.data.alignment import Alignment
from agekit.tasks.ager.config import AgerConfig
from agekit.tasks.ager.contact_sheet import contact_sheet
from agekit.tasks.ager.domains import DOMAINS
from agekit.tasks.ager.model import DIRECTIONS, FaceAger
from agekit.tasks.ager.recipe import AgerRecipe
from agekit.tasks.ager.trainer import AgerTrainer
from agekit.training.export import common_config, write_model
from agekit.zoo.cards.provenance import training_facts
from agekit.zoo.config import ImageConfig

__all__ = ["export_ager"]

CYCLE = "cycle_"
SAMPLE = {"domains", "where", "sample"}
"""What says which faces were drawn, so that none trained on is tested on."""


def export_ager(trainer: AgerTrainer, ager: FaceAger, info: dict[str, Any]) -> dict[str, Any]:
    """Draws the figures and writes the model folder; gives the final metrics.

    Args:
        trainer: with the training finished.
        ager: the trained generators.
        info: what ``run.json`` holds.
    """
    last = trainer.finished[-1]
    trainer.run.figures.mkdir(exist_ok=True)
    draw_losses(trainer.run.figures / "losses.png", trainer.run.records())
    for to in DIRECTIONS:
        contact_sheet(
            trainer.run.figures / f"faces-{to}.png", trainer.run.generation(last.generation), to
        )
    metrics = {"generations": [vars(g) for g in trainer.finished], "test": last.metrics["test"]}
    counts = {f"{d} {s}": trainer.faces.count(s, d) for s in ("train", "test") for d in DOMAINS}
    if trainer.recipe.data.sample is not None:
        info["sample"] = json.loads(trainer.recipe.data.model_dump_json(include=SAMPLE))
    info = info | training_facts(trainer.recipe, trainer.faces.faces, counts)
    config = ager_config(trainer.recipe, ager, info, trainer.faces.faces.face)
    write_model(trainer.run, ager, config, metrics)
    return {"test": last.metrics["test"]}


def ager_config(
    recipe: AgerRecipe, ager: FaceAger, info: dict[str, Any], face: Alignment
) -> AgerConfig:
    """The configuration of a trained ager."""
    where = "".join(f", {k} {v}" for k, v in recipe.data.where.items() if v is not None)
    groups = [f"group {group} of {info['dataset']}" for group in "AB"]
    ages = [f"ages {low:g}-{high:g}" for low, high in recipe.data.domains or ()]
    return AgerConfig(
        **common_config(recipe, ager, info, face),
        generator=recipe.generator,
        image=ImageConfig(size=recipe.data.size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        domains={
            name: text + where  # type: ignore[misc]
            for name, text in zip(DOMAINS, ages or groups, strict=True)
        },
    )


def draw_losses(path: Path, records: list[dict[str, Any]]) -> None:
    """The losses epoch by epoch: those of the cycles by themselves, as the report's figure 7.

    Args:
        path: the PNG to write.
        records: the lines of a run's metrics file.
    """
    names = [name for name in (records[-1]["losses"] if records else ()) if name != "loss"]
    epochs = [record["epoch"] for record in records]
    with matplotlib.rc_context({"font.size": 8, "axes.grid": True, "grid.alpha": 0.3}):
        figure = Figure(figsize=(8.0, 3.0), layout="constrained")
        cycle, others = figure.subplots(1, 2)
        for name in names:
            axes = cycle if name.startswith(CYCLE) else others
            axes.plot(epochs, [record["losses"][name] for record in records], label=name)
        cycle.set(xlabel="epoch", ylabel="weighted loss", title="Cycle consistency", ylim=(0, None))
        others.set(xlabel="epoch", ylabel="weighted loss", title="Adversarial and identity")
        for axes in (cycle, others):
            if axes.lines:
                axes.legend()
        write_from_memory(path, partial(figure.savefig, format="png", dpi=130))
