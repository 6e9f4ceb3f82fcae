"""How large the model of a recipe is, and how much it computes; built without memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from agekit.errors import ConfigError
from agekit.recipe import Recipe
from agekit.registry import EVOLVERS, TASKS

__all__ = ["Size", "size_of"]

_sizes: dict[tuple[str, int], Size | None] = {}


class Size(NamedTuple):
    """What training a recipe costs.

    Args:
        parameters: of the model; heads have label ages 0 to 100.
        operations: floating-point operations of the forward passes of one training image, of an
            ager of one pair.
    """

    parameters: int
    operations: float


def size_of(recipe: Recipe) -> Size | None:
    """The size of a recipe's model; None where that cannot be told without building it.

    Raises:
        ConfigError: its parts do not fit together, or not the size of its images.
    """
    key = (
        recipe.model_dump_json(exclude={"train", "data", "expected", "description", "source"}),
        recipe.data.size,
    )
    if key not in _sizes:
        try:
            with torch.device("meta"), torch.random.fork_rng(devices=[]):
                _sizes[key] = _measure(recipe)
        except ConfigError:
            raise
        except (RuntimeError, NotImplementedError, ValueError, TypeError):
            _sizes[key] = None
    return _sizes[key]


def _measure(recipe: Recipe) -> Size:
    model, counted = TASKS.get(recipe.kind).untrained(recipe)
    passes: int = EVOLVERS.get(recipe.evolver.type).passes
    side = recipe.data.size
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        counted.eval()(torch.empty(1, 3, side, side))
    return Size(sum(p.numel() for p in model.parameters()), float(passes * flops.get_total_flops()))
