"""From a recipe's names to an untrained estimator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from agekit.culprit import Culprit
from agekit.errors import ConfigError
from agekit.recipe import PartConfig
from agekit.recipe.parts import build_part
from agekit.registry import BACKBONES, HEADS
from agekit.tasks.estimator.model import AgeEstimator, feature_length
from agekit.tasks.estimator.recipe import EstimatorRecipe

__all__ = ["build_estimator", "build_network"]


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(
            recipe.backbone,
            recipe.heads,
            ages,
            recipe.data.size,
            recipe.estimate.rule,
            recipe.estimate.level,
            recipe.estimate.mirror,
        )
