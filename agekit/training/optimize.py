"""What a recipe says of the optimiser and the schedule, as mmengine's Runner takes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn
from torch.optim import Optimizer

from agekit.culprit import Culprit
from agekit.errors import ConfigError
from agekit.recipe import TrainConfig
from agekit.registry import OPTIMIZERS, SCHEDULES
from agekit.training.schedule import Schedulers, Span

__all__ = ["Layered", "build_schedulers", "optim_wrapper", "optim_wrappers", "param_schedulers"]

FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
"""Optimisers of which torch has one kernel for all parameters, on CPUs and GPUs alike."""


@runtime_checkable
class Layered(Protocol):
    """A step whose network has layers, from the first to the last, for `layer_decay`."""

    def layer_groups(
        self, lr: float, weight_decay: float, layer_decay: float
    ) -> list[dict[str, Any]]:
        """Groups of parameters: the rate is times `layer_decay` for every layer from the last."""


def optim_wrapper(config: TrainConfig, trained: nn.Module) -> OptimWrapper:
    """The optimiser of a module in mmengine's plain wrapper: autocast is the step's.

    Args:
        config: of the recipe.
        trained: what is trained, all its parameters; a step that is `Layered` for `layer_decay`.

    Raises:
        ConfigError: `layer_decay` is asked of what has no layers.
        ContractError: the optimiser cannot be built.
    """
    optimizer = config.optimizer
    if optimizer.layer_decay is None:
        return _wrapped(config, trained.parameters())
    if not isinstance(trained, Layered):
        raise ConfigError(
            "train.optimizer.layer_decay: what is trained here has no layers from first to last",
            "leave it out; estimators have them",
        )
    groups = trained.layer_groups(optimizer.lr, optimizer.weight_decay, optimizer.layer_decay)
    return _wrapped(config, groups)


def optim_wrappers(
    config: TrainConfig, step: nn.Module, parts: Sequence[str]
) -> OptimWrapper | OptimWrapperDict:
    """One optimiser for all of `step`, or one for each of its parts that are named.

    Frozen parameters of parts are left out, so that they get no state.
    """
    if not parts:
        return optim_wrapper(config, step)
    if config.optimizer.layer_decay is not None:
        optim_wrapper(config, getattr(step, parts[0]))
    return OptimWrapperDict(
        **{
            part: _wrapped(config, [p for p in getattr(step, part).parameters() if p.requires_grad])
            for part in parts
        }
    )


def param_schedulers(
    config: TrainConfig, wrapper: OptimWrapper | OptimWrapperDict, steps_per_epoch: int
) -> Schedulers:
    """The schedule of one generation, as configurations of mmengine's schedulers.

    Raises:
        ContractError: it cannot be built.
    """
    one = next(iter(wrapper.values())) if isinstance(wrapper, OptimWrapperDict) else wrapper
    span = Span(config.epochs, steps_per_epoch, [group["lr"] for group in one.param_groups])
    schedule = config.schedule
    factory = SCHEDULES.get(schedule.type)
    arguments = schedule.taken_by(factory) | schedule.arguments
    with Culprit("schedule", schedule.type).doing(f"cannot be built with {arguments}"):
        built: Schedulers = factory(span, **arguments)
    return built


def build_schedulers(config: TrainConfig, wrapper: OptimWrapper) -> None:
    """Builds the schedule once, on two steps an epoch, so that its mistakes are known.

    Raises:
        ContractError: mmengine refuses it.
    """
    made = param_schedulers(config, wrapper, 2)
    with Culprit("schedule", config.schedule.type).doing(f"gives {made}, which cannot be built"):
        for one in made:
            PARAM_SCHEDULERS.build(dict(one), default_args={"optimizer": wrapper})


def _wrapped(config: TrainConfig, params: Iterable[Any]) -> OptimWrapper:
    optimizer = config.optimizer
    factory = OPTIMIZERS.get(optimizer.type)
    arguments = optimizer.arguments
    if factory in FUSED:
        arguments["fused"] = True
    taken = inspect.signature(factory).parameters
    anything = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
    if not optimizer.weight_decay and "weight_decay" not in taken and not anything:
        del arguments["weight_decay"]
    with Culprit("optimizer", optimizer.type).doing(f"cannot be built with {arguments}"):
        built: Optimizer = factory(params, **arguments)
    if getattr(built, "is_second_order", False):
        raise Culprit("optimizer", optimizer.type).error(
            "needs second derivatives, which no training here computes", "take another"
        )
    clip = None if config.clip_norm is None else {"max_norm": config.clip_norm}
    return OptimWrapper(built, accumulative_counts=config.accumulate, clip_grad=clip)
