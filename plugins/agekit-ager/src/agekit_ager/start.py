"""The weights that an ager's run starts from, and the images that its network takes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from agekit.data.split import Faces
from agekit.errors import ConfigError
from agekit.tasks.estimator.initial import adopt_images
from agekit.training.evolver import build_evolver
from agekit.training.task import Start
from agekit.zoo.config import ImageConfig
from agekit.zoo.files import WEIGHTS
from agekit.zoo.folder import read_config, read_weights
from agekit.zoo.locate import is_model, locate
from agekit_ager.build import build_network
from agekit_ager.config import AgerConfig
from agekit_ager.recipe import AgerRecipe

__all__ = ["network_image", "start_from"]


def network_image(recipe: AgerRecipe) -> ImageConfig:
    """What the network of a recipe takes: from -1 to 1."""
    return ImageConfig(size=recipe.data.size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def start_from(
    self: Any, init: str | Path, recipe: AgerRecipe, faces: Faces, fixed: Collection[str]
) -> Start:
    """All weights of an ager, or of a checkpoint the evolver can read."""
    face, adopted, notes = None, dict[str, Any](), list[str]()
    if is_model(init):
        folder = locate(init)
        config = read_config(folder)
        if not isinstance(config, AgerConfig) or config.generator != recipe.generator:
            theirs = config.generator.type if isinstance(config, AgerConfig) else config.task
            raise ConfigError(
                f"{init} is of {theirs!r}, and the recipe has the generator "
                f"{recipe.generator.type!r}",
                "start from another model, or choose the same generator",
            )
        weights = read_weights(folder / WEIGHTS, config.weights_sha256)
        name, face = config.name, config.face
        adopted, notes = adopt_images(config.image, recipe.data, fixed)
        if "size" in adopted and recipe.data.load_size and "load_size" not in fixed:
            scale = adopted["size"] / recipe.data.size
            adopted["load_size"] = round(recipe.data.load_size * scale)
    else:
        evolver = build_evolver(recipe.evolver, recipe.kind)
        weights, name = evolver.initial(Path(init)), Path(init).name
        wanted = build_network(recipe.generator, 0).state_dict()
        odd = [k for k, v in weights.items() if k not in wanted or wanted[k].shape != v.shape]
        if odd:
            raise ConfigError(
                f"{init} does not fit the generator {recipe.generator.type!r}: {odd[0]}",
                "choose the generator it was trained with",
            )
    both = any(name.startswith("young.") for name in weights)
    which = "both generators are" if both else "the generator is"
    notes.insert(0, f"starts from {init}: {which} taken ({len(weights)} tensors)")
    return Start(weights, {"init_name": name}, face, adopted, tuple(notes))
