"""`agekit.build`: the untrained network of a recipe."""

from __future__ import annotations

from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe

__all__ = ["build"]


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
        raise ConfigError(f"{recipe} is a recipe of an ager, not of an estimator")
    return build_estimator(resolved, ages, seed)
