"""Starting from another model's weights (``--init``), as the paper does after pre-training."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor

from agekit.atomic import write_bytes
from agekit.errors import ConfigError
from agekit.recipe import EstimatorRecipe
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import WEIGHTS, estimator_config
from agekit.zoo.index.locate import locate

__all__ = ["initial_weights", "keep_initial"]


def keep_initial(path: Path, model: str | Path, recipe: EstimatorRecipe) -> ModelConfig:
    """Copies the weights of a model that a recipe can start from.

    Args:
        path: the safetensors file to write: the backbone, and the heads that the recipe has alike.
        model: a model folder, a run folder or a name of the zoo.
        recipe: what is going to be trained.

    Returns:
        The model's configuration.

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
        for name, value in load_file(folder / WEIGHTS).items()
        if not name.startswith("heads.") or name.split(".")[1] in alike
    }
    write_bytes(path, save(weights))
    return config


def initial_weights(
    path: Path, theirs: tuple[int, int], ours: tuple[int, int]
) -> dict[str, Tensor]:
    """The kept weights; heads are left out, to be made anew, where the label ages differ.

    Args:
        path: what `keep_initial` wrote.
        theirs: the label ages they were trained for.
        ours: the label ages now.
    """
    weights = load_file(path)
    if theirs == ours:
        return weights
    return {name: value for name, value in weights.items() if not name.startswith("heads.")}
