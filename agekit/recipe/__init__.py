"""Recipes: what they may say, how they are merged with overrides, how they are checked."""

from agekit.recipe.resolve import Resolved, resolve
from agekit.recipe.schema import (
    AgerDataConfig,
    AgerRecipe,
    DataConfig,
    EstimatorRecipe,
    LossTerm,
    LossTerms,
    PartConfig,
    Recipe,
    TrainConfig,
)

__all__ = [
    "AgerDataConfig",
    "AgerRecipe",
    "DataConfig",
    "EstimatorRecipe",
    "LossTerm",
    "LossTerms",
    "PartConfig",
    "Recipe",
    "Resolved",
    "TrainConfig",
    "resolve",
]
