"""How large the model of a recipe is, and how much it computes; built without memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from agekit.errors import ConfigError
from agekit.recipe import Recipe
from agekit.tasks.ager.build import build_ager
from agekit.tasks.ager.recipe import AgerRecipe
from agekit.tasks.estimator.build import build_network
from agekit.tasks.estimator.recipe import EstimatorRecipe

__all__ = ["Size", "size_of"]

_AGES = (0, 100)
_PASSES = 6
"""Of a generator in one step of CycleGAN: two fakes, two cycles, two identities."""
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
    key = recipe.model_dump_json(include={"backbone", "heads", "generator"}), recipe.data.size
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
    passes, counted = 1, _estimator(recipe) if isinstance(recipe, EstimatorRecipe) else None
    model: nn.Module
    if counted is not None:
        model = counted
    else:
        assert isinstance(recipe, AgerRecipe)
        ager = build_ager(recipe.generator)
        model, counted, passes = ager, ager.old, _PASSES
    side = recipe.data.size
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        counted.eval()(torch.empty(1, 3, side, side))
    return Size(sum(p.numel() for p in model.parameters()), float(passes * flops.get_total_flops()))


def _estimator(recipe: EstimatorRecipe) -> nn.Module:
    backbone = recipe.backbone
    if "pretrained" in backbone.arguments:
        backbone = backbone.model_copy(update={"pretrained": False})
    estimate = recipe.estimate
    return build_network(
        backbone,
        recipe.heads,
        _AGES,
        recipe.data.size,
        estimate.rule,
        estimate.level,
        estimate.mirror,
    )
