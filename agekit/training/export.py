"""The export of a run's model: what the models of all tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from agekit.data.alignment import Alignment
from agekit.discovery import CORE
from agekit.recipe import Recipe
from agekit.registry import REGISTRIES, TASKS
from agekit.training.run import Run
from agekit.zoo.cards.results import eval_files
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import save_model

__all__ = ["common_config", "write_model"]

_LOCAL = ("root", "init", "protocol_file", "framing")
"""What a run knows of its own machine and data, and a model need not tell."""


def common_config(
    recipe: Recipe, network: nn.Module, info: Mapping[str, Any], face: Alignment
) -> dict[str, Any]:
    """What every `ModelConfig` says of a trained network, by its keys.

    Args:
        recipe: what it was trained by.
        network: whose parameters are counted.
        info: what ``run.json`` holds, and `agekit.zoo.cards.facts.training_facts`.
        face: where the faces lay that it was trained on.
    """
    entries = [REGISTRIES[kind].find(part.type) for kind, part in recipe.named_parts()]
    task = TASKS.find(recipe.kind)
    entries += [] if task.distribution == CORE else [task]
    return {
        "name": info["name"],
        "face": face,
        "parameters": sum(p.numel() for p in network.parameters()),
        "requires": {entry.distribution: entry.version for entry in entries},
        "trained": {key: value for key, value in info.items() if key not in _LOCAL},
    }


def write_model(
    run: Run, network: nn.Module, config: ModelConfig, metrics: Mapping[str, Any]
) -> None:
    """Writes the model folder of a run: weights, configuration, metrics, card, evaluation results.

    Args:
        run: its.
        network: whose weights.
        config: of the model.
        metrics: what ``metrics.json`` is to hold.
    """
    card: str = TASKS.get(config.task).card(config, metrics)
    extra = eval_files(config, metrics)
    save_model(run.model, network, config, metrics, card, extra, keep=True)
