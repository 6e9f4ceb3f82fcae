"""From a recipe's or a model's names to an ager."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from agekit.culprit import Culprit
from agekit.recipe import PartConfig
from agekit.recipe.parts import build_part
from agekit.registry import GENERATORS
from agekit.tasks.generator import Generator
from agekit.zoo.folder import load_network
from agekit_ager.config import AgerConfig
from agekit_ager.model import FaceAger
from agekit_ager.recipe import AgerRecipe

__all__ = ["build_ager", "build_model", "inference", "load_ager", "untrained"]


def build_ager(generator: PartConfig, seed: int | None = None) -> FaceAger:
    """Builds both generators with new weights.

    Args:
        generator: the part, the same for both directions.
        seed: of the weights; None draws them from torch's random state.

    Raises:
        ConfigError: the generator does not take its arguments, or is none.
    """
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        old, young = (build_part(GENERATORS, generator) for _ in range(2))
    if not isinstance(old, Generator):
        culprit = Culprit("generator", generator.type, old)
        raise culprit.error(f"is a {type(old).__name__}, no Generator")
    return FaceAger(old, young)


def build_model(config: AgerConfig) -> FaceAger:
    """Builds the generators of a model, their weights still to be loaded."""
    return build_ager(config.generator)


def untrained(recipe: AgerRecipe) -> tuple[FaceAger, nn.Module]:
    """Both generators of a recipe with new weights, and the one that makes faces old."""
    ager = build_ager(recipe.generator)
    return ager, ager.old


def inference(ager: FaceAger) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
    """From normalised images of young faces, (N, 3, S, S), to old ones; and what makes them."""
    return partial(ager, to="old"), ager.old


def load_ager(folder: Path, device: torch.device | str = "cpu") -> tuple[FaceAger, AgerConfig]:
    """The generators of a model folder, ready to age, and its configuration.

    Raises:
        ModelError: a file is missing, damaged, does not fit the others, or is of another task.
    """
    return load_network(folder, device, "ager")
