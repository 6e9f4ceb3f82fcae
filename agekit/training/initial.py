"""Starting from another model's weights (``--init``), as the paper does after pre-training."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from agekit.errors import ConfigError
from agekit.recipe import EstimatorRecipe
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import WEIGHTS, estimator_config, read_weights
from agekit.zoo.index.locate import locate

__all__ = ["fitting_weights", "initial_weights"]


def fitting_weights(
    model: str | Path, recipe: EstimatorRecipe
) -> tuple[dict[str, Tensor], ModelConfig]:
    """The weights of a model that a recipe can start from.

    Args:
        model: a model folder, a run folder or a name of the zoo.
        recipe: what is going to be trained.

    Returns:
        Those of the backbone and of the heads that the recipe has alike; the model's configuration.

    Raises:
        ConfigError: the model has another backbone.
    """
    folder = locate(model)
    config = estimator_config(folder)
    if config.backbone.type != recipe.backbone.type:
        raise ConfigError(
            f"{model} has the backbone {config.backbone.type!r}, and the recipe has "
            f"{recipe.backbone.type!r}",
            f"train the recipe on {config.backbone.type!r}, or start from another model",
        )
    alike = {name for name, head in recipe.heads.items() if config.heads.get(name) == head}
    weights = {
        name: value
        for name, value in read_weights(folder / WEIGHTS).items()
        if not name.startswith("heads.") or name.split(".")[1] in alike
    }
    return weights, config


def initial_weights(
    weights: dict[str, Tensor], theirs: tuple[int, int], ours: tuple[int, int]
) -> dict[str, Tensor]:
    """The kept weights; heads are left out, to be made anew, where the label ages differ.

    Args:
        weights: those of `fitting_weights`.
        theirs: the label ages they were trained for.
        ours: the label ages now.
    """
    if theirs == ours:
        return weights
    return {name: value for name, value in weights.items() if not name.startswith("heads.")}
