"""The end of a run: its model, in what the models of all tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from torch import nn

from agekit.data.alignment import Alignment
from agekit.data.table import SPLITS
from agekit.discovery import CORE
from agekit.recipe import Recipe
from agekit.registry import REGISTRIES, TASKS
from agekit.task import Task
from agekit.training.trainer import Trainer
from agekit.zoo.cards.provenance import training_facts
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import save_model
from agekit.zoo.graphs import carry_graphs

__all__ = ["common_config", "export_model"]

_LOCAL = ("root", "init", "protocol_file", "framing")
"""What a run knows of its own machine and data, and a model need not tell."""


def common_config(
    recipe: Recipe, network: nn.Module, info: Mapping[str, Any], face: Alignment
) -> dict[str, Any]:
    """The values of `ModelConfig` for a trained network, by its keys.

    Args:
        recipe: what it was trained by.
        network: whose parameters are counted.
        info: what ``run.json`` holds, and `agekit.zoo.cards.facts.training_facts`.
        face: where the faces lay that it was trained on.
    """
    entries = [REGISTRIES[kind].find(part.type) for kind, part in recipe.named_parts()]
    task = TASKS.find(recipe.kind)
    entries += [] if task.distribution == CORE else [task]
    trained = {key: value for key, value in info.items() if key not in _LOCAL}
    if str(trained.get("recipe")).endswith((".yaml", ".yml")):
        trained["recipe"] = PurePath(trained["recipe"]).name  # and not where it lies
    return {
        "name": info["name"],
        "face": face,
        "parameters": sum(p.numel() for p in network.parameters()),
        "requires": {entry.distribution: entry.version for entry in entries},
        "trained": trained,
    }


def export_model(
    trainer: Trainer[Any],
    network: nn.Module,
    info: Mapping[str, Any],
    counts: Mapping[str, int],
    **own: Any,
) -> dict[str, Any]:
    """Writes the model folder of a run: weights, configuration, metrics, card.

    Then the ONNX files are added to it, where they can be made.

    Args:
        trainer: with every generation finished.
        network: that of the chosen generation.
        info: what ``run.json`` holds, and what the run found out.
        counts: how many faces of which kind were used, such as ``{"train": 800, "test": 100}``.
        own: what the configuration of the task's models has beside `common_config`.

    Returns:
        The final metrics, by split.
    """
    recipe, faces, final = trainer.recipe, trainer.faces.faces, trainer.chosen.metrics
    scored = {split: final[split] for split in SPLITS if split in final}
    metrics = {"generations": [vars(g) for g in trainer.finished], "kept": info["kept"], **scored}
    facts = {**info, **training_facts(recipe, faces, counts)}
    task: Task = TASKS.get(recipe.kind)
    config: ModelConfig = task.config(**common_config(recipe, network, facts, faces.face), **own)
    card = task.card(config, metrics)
    save_model(trainer.run.model, network, config, metrics, card, keep=True)
    carry_graphs(trainer.run.model)
    return scored
