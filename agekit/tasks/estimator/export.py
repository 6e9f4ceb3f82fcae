"""The end of a run: its figures and its model folder."""

from __future__ import annotations

from typing import Any

import numpy as np

from agekit.data.alignment import Alignment
from agekit.tasks.estimator import figures
from agekit.tasks.estimator.config import EstimatorConfig, IntervalConfig
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.scoring import raw_outputs
from agekit.tasks.estimator.timm_bridge import stored_backbone
from agekit.tasks.estimator.trainer import EstimatorTrainer
from agekit.training.export import common_config, export_model
from agekit.zoo.config import ImageConfig

__all__ = ["export_estimator", "model_config"]

SAMPLES = 6


def export_estimator(
    trainer: EstimatorTrainer, network: AgeEstimator, info: dict[str, Any]
) -> dict[str, Any]:
    """Draws the figures and writes the model folder; gives the final metrics.

    Args:
        trainer: with every generation finished.
        network: that of the chosen generation.
        info: what ``run.json`` holds.
    """
    split = next((s for s in ("test", "val") if trainer.faces.has(s)), "train")
    figures.curves(trainer.run.figures / "curves.png", trainer.run.records())
    _scatter(trainer, network, split)
    _distributions(trainer, split)
    own = _own_config(trainer.recipe, network, trainer.chosen.metrics["interval"])
    return export_model(trainer, network, info, trainer.faces.counts, **own)


def model_config(
    recipe: EstimatorRecipe,
    network: AgeEstimator,
    info: dict[str, Any],
    interval: dict[str, Any],
    face: Alignment,
) -> EstimatorConfig:
    """The configuration of a trained network."""
    return EstimatorConfig(
        **common_config(recipe, network, info, face), **_own_config(recipe, network, interval)
    )


def _own_config(
    recipe: EstimatorRecipe, network: AgeEstimator, interval: dict[str, Any]
) -> dict[str, Any]:
    return {
        "backbone": stored_backbone(recipe.backbone),
        "heads": recipe.heads,
        "ages": network.ages,
        "image": ImageConfig.of(recipe.data),
        "rule": recipe.estimate.rule,
        "mirror": recipe.estimate.mirror,
        "interval": IntervalConfig(**interval),
    }


def _scatter(trainer: EstimatorTrainer, network: AgeEstimator, split: str) -> None:
    raw = raw_outputs(network, trainer.faces.loader(split))
    estimated = network.estimate(raw).age.cpu().numpy()
    true = trainer.faces.age(split).numpy()
    error = float(np.abs(estimated - true).mean())
    figures.scatter(trainer.run.figures / "estimated-vs-true.png", true, estimated, error, split)


def _distributions(trainer: EstimatorTrainer, split: str) -> None:
    """Faces spread over the ages of the split, and what each generation made of them."""
    age = trainer.faces.age(split).numpy()
    wanted = np.quantile(age, np.linspace(0.08, 0.92, min(SAMPLES, len(age))))
    rows = [int(np.abs(age - w).argmin()) for w in wanted]
    rows = list(dict.fromkeys(rows))
    batches = trainer.faces.sample(split, rows)
    by_generation = []
    for generation in trainer.finished:
        network = trainer.network(generation.generation)
        trainer.run.load(network, generation.generation)
        p = network.estimate(raw_outputs(network, batches)).distribution
        if p is None:
            return
        by_generation.append(p.cpu().numpy())
    figures.distributions(
        trainer.run.figures / "distributions.png",
        trainer.faces.pixels(split, rows),
        [float(age[row]) for row in rows],
        trainer.faces.ages,
        by_generation,
    )
