"""The end of an ager's run: its figures and its model folder."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from agekit.atomic import write_from_memory
from agekit.training.export import export_model
from agekit_ager.contact_sheet import contact_sheet
from agekit_ager.domains import DOMAINS
from agekit_ager.model import DIRECTIONS, FaceAger
from agekit_ager.recipe import AgerRecipe
from agekit_ager.start import network_image
from agekit_ager.trainer import AgerTrainer

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
    counts = {f"{d} {s}": trainer.faces.count(s, d) for s in ("train", "test") for d in DOMAINS}
    if trainer.recipe.data.sample is not None:
        info["sample"] = json.loads(trainer.recipe.data.model_dump_json(include=SAMPLE))
    return export_model(
        trainer,
        ager,
        info,
        counts,
        generator=trainer.recipe.generator,
        image=network_image(trainer.recipe),
        domains=_domains(trainer.recipe, info["dataset"]),
    )


def _domains(recipe: AgerRecipe, dataset: str) -> dict[str, str]:
    """What each domain is, in words."""
    where = "".join(f", {k} {v}" for k, v in recipe.data.where.items() if v is not None)
    groups = [f"group {group} of {dataset}" for group in "AB"]
    ages = [f"ages {low:g}-{high:g}" for low, high in recipe.data.domains or ()]
    return {name: text + where for name, text in zip(DOMAINS, ages or groups, strict=True)}


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
