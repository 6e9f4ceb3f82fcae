"""From a recipe's or a model's names to an ager."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from agekit.culprit import Culprit
from agekit.errors import ConfigError
from agekit.recipe import PartConfig
from agekit.recipe.parts import build_part
from agekit.registry import GENERATORS
from agekit.tasks.generator import Generator, SomeAges
from agekit.zoo.folder import load_network
from agekit_ager.config import AgerConfig
from agekit_ager.model import FaceAger
from agekit_ager.recipe import AgerRecipe

__all__ = ["build_ager", "build_model", "build_network", "inference", "load_ager", "untrained"]


def build_network(generator: PartConfig, seed: int | None = None) -> FaceAger | Generator:
    """Builds an ager with new weights: two generators or, of those that take ages, one.

    Args:
        generator: the part, the same for both directions.
        seed: of the weights; None draws them from torch's random state.

    Raises:
        ConfigError: the generator does not take its arguments, or is none.
    """
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        old = build_part(GENERATORS, generator)
        if not isinstance(old, Generator):
            culprit = Culprit("generator", generator.type, old)
            raise culprit.error(f"is a {type(old).__name__}, no Generator")
        return old if old.takes_ages else FaceAger(old, build_part(GENERATORS, generator))


def build_ager(generator: PartConfig, seed: int | None = None) -> FaceAger:
    """As `build_network`, of a generator that goes one way.

    Raises:
        ConfigError: it takes ages, or see `build_network`.
    """
    ager = build_network(generator, seed)
    if not isinstance(ager, FaceAger):
        raise ConfigError(
            f"the generator {generator.type!r} goes to any age, not one way",
            "choose another generator, or an evolver of agers by age",
        )
    return ager


def build_model(config: AgerConfig) -> FaceAger | Generator:
    """Builds the generators of a model, their weights still to be loaded."""
    return build_network(config.generator)


def untrained(recipe: AgerRecipe) -> tuple[FaceAger | Generator, nn.Module]:
    """The ager of a recipe with new weights, and the part of it that a face goes through."""
    ager = build_network(recipe.generator)
    return ager, ager.old if isinstance(ager, FaceAger) else SomeAges(ager)


def inference(ager: FaceAger | Generator) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
    """From normalised images of young faces, (N, 3, S, S), to old ones; and what makes them."""
    if isinstance(ager, FaceAger):
        return partial(ager, to="old"), ager.old
    alone = SomeAges(ager)
    return alone, alone


def load_ager(folder: Path, device: torch.device | str = "cpu") -> tuple[Any, AgerConfig]:
    """The network of a model folder, ready to age, and its configuration.

    Returns:
        A `FaceAger` or, where the configuration has `ages`, a generator that takes them.

    Raises:
        ModelError: a file is missing, damaged, does not fit the others, or is of another task.
    """
    return load_network(folder, device, "ager")
