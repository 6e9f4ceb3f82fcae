"""Estimators from a recipe's names, untrained, and from a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from agekit.culprit import Culprit
from agekit.device import seeded
from agekit.errors import ConfigError
from agekit.recipe import PartConfig, resolve
from agekit.recipe.parts import build_part
from agekit.registry import BACKBONES, HEADS
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.model import AgeEstimator, feature_length
from agekit.tasks.estimator.recipe import EstimatorRecipe, is_pretrained
from agekit.zoo.folder import load_network, read_config

__all__ = [
    "build",
    "build_estimator",
    "build_model",
    "build_network",
    "estimator_config",
    "load_estimator",
    "untrained",
    "without_pretrained",
]


def build(
    recipe: str, ages: tuple[int, int] = (0, 100), *, size: int | None = None, seed: int = 0
) -> AgeEstimator:
    """Builds the untrained network of a recipe.

    Args:
        recipe: ``cen-resnet18`` and the like, or the path of a YAML file.
        ages: the first and the last label age, years, both included.
        size: side of its images in pixels; else the recipe's.
        seed: of the new weights.

    Returns:
        A module from normalised images (N, 3, size, size) to raw outputs by head.

    Raises:
        ConfigError: the recipe has mistakes, or is one of an ager.
    """
    overrides = [] if size is None else [f"data.size={size}"]
    resolved = resolve(recipe, overrides=overrides).recipe
    if not isinstance(resolved, EstimatorRecipe):
        raise ConfigError(
            f"{recipe} is a recipe of the kind {resolved.kind!r}, not of an estimator"
        )
    return build_estimator(resolved, ages, seed)


def build_network(
    backbone: PartConfig,
    heads: Mapping[str, PartConfig],
    ages: tuple[int, int],
    size: int,
    rule: str = "expectation",
    level: float = 0.9,
    mirror: bool = False,
) -> AgeEstimator:
    """Builds a network of named parts with new weights, drawn from torch's random state.

    Args:
        backbone: the backbone and its arguments.
        heads: the heads by name.
        ages: the first and the last label age, years.
        size: side of the images in pixels.
        rule: see `AgeEstimator`.
        level: see `AgeEstimator`.
        mirror: see `AgeEstimator`.

    Raises:
        ConfigError: the parts do not fit together.
    """
    low, high = ages
    if not 0 <= low < high <= 150:
        raise ConfigError(
            f"the label ages {low}-{high} are not usable", "give (first, last), 0 <= first < last"
        )
    network: nn.Module = build_part(BACKBONES, backbone)
    features = feature_length(Culprit("backbone", backbone.type, network), size)
    built = {name: build_part(HEADS, head, features, (low, high)) for name, head in heads.items()}
    try:
        return AgeEstimator(network, built, (low, high), rule=rule, level=level, mirror=mirror)
    except KeyError as error:
        raise ConfigError(
            f"torch refuses a head of this name: {error.args[0]}", "give the head another name"
        ) from error


def build_estimator(recipe: EstimatorRecipe, ages: tuple[int, int], seed: int) -> AgeEstimator:
    """Builds the network of a recipe; the same seed gives the same weights.

    Args:
        recipe: with its backbone chosen.
        ages: the first and the last label age, years.
        seed: of the new weights; torch's random state is left as it was.
    """
    with seeded(seed):
        return _of_recipe(recipe, recipe.backbone, ages)


def build_model(config: EstimatorConfig) -> AgeEstimator:
    """Builds the network of a model, its weights still to be loaded."""
    network = build_network(
        without_pretrained(config.backbone),
        config.heads,
        config.ages,
        config.image.size,
        config.rule,
        config.interval.level,
        config.mirror,
    )
    network.correction = config.interval.margin
    return network.to(memory_format=torch.channels_last)


def untrained(recipe: EstimatorRecipe) -> tuple[AgeEstimator, AgeEstimator]:
    """The network of a recipe with new weights, for label ages 0 to 100; nothing is fetched."""
    network = _of_recipe(recipe, without_pretrained(recipe.backbone), (0, 100))
    return network, network


def _of_recipe(
    recipe: EstimatorRecipe, backbone: PartConfig, ages: tuple[int, int]
) -> AgeEstimator:
    how = recipe.estimate
    size = recipe.data.size
    return build_network(backbone, recipe.heads, ages, size, how.rule, how.level, how.mirror)


def without_pretrained(part: PartConfig) -> PartConfig:
    """A backbone that fetches no weights; a repository of the Hub is none then."""
    if not is_pretrained(part):
        return part
    return part.model_copy(update={"pretrained": False})


def estimator_config(folder: Path) -> EstimatorConfig:
    """An estimator's configuration.

    Raises:
        ModelError: it is missing, not valid, or of another task.
    """
    config: EstimatorConfig = read_config(folder, "estimator")
    return config


def load_estimator(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[AgeEstimator, EstimatorConfig]:
    """The network of a model folder, ready to estimate, and its configuration.

    Raises:
        ModelError: a file is missing, damaged, does not fit the others, or is of another task.
    """
    return load_network(folder, device, "estimator")
