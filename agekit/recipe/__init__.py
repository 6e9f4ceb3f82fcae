"""Recipes: what they may say, how they are merged with overrides, how they are checked."""

from agekit.recipe.resolve import Resolved, resolve
from agekit.recipe.schema import (
    DataConfig,
    LossTerm,
    LossTerms,
    PartConfig,
    Recipe,
    TrainConfig,
)

__all__ = [
    "DataConfig",
    "LossTerm",
    "LossTerms",
    "PartConfig",
    "Recipe",
    "Resolved",
    "TrainConfig",
    "resolve",
]
