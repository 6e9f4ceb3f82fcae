"""The Python interface: `agekit.build`, `agekit.train`, `agekit.load`, `agekit.evaluate`."""

from __future__ import annotations

from agekit.estimator.build import build_estimator
from agekit.estimator.model import AgeEstimator
from agekit.recipe import resolve
from agekit.training.evaluate import evaluate
from agekit.training.train import train
from agekit.zoo.predictor import load

__all__ = ["build", "evaluate", "load", "train"]


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
        ConfigError: the recipe has mistakes.
    """
    overrides = [] if size is None else [f"data.size={size}"]
    return build_estimator(resolve(recipe, overrides=overrides).recipe, ages, seed)
