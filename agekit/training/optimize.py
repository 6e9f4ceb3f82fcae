"""A recipe's optimiser and schedule, as mmengine's Runner takes them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn
from torch.optim import Optimizer

from agekit.culprit import Culprit
from agekit.errors import ConfigError
from agekit.recipe import TrainConfig
from agekit.registry import HOOKS, OPTIMIZERS, SCHEDULES
from agekit.training.schedule import Schedulers, Span

__all__ = [
    "Layered",
    "build_hooks",
    "optim_wrapper",
    "optim_wrappers",
    "param_schedulers",
    "try_training",
]

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


def build_hooks(config: TrainConfig) -> list[Hook]:
    """The hooks that a recipe names, new.

    Raises:
        AgekitError: one cannot be built.
    """
    built = []
    for part in config.hooks:
        arguments = part.arguments
        with Culprit("hook", part.type).doing(f"cannot be built with {arguments}"):
            built.append(HOOKS.get(part.type)(**arguments))
    return built


def try_training(config: TrainConfig, step: nn.Module, watched: str | None) -> list[str]:
    """Builds optimiser, schedule and hooks as every generation's, so that mistakes are known.

    Args:
        config: of the recipe.
        step: what is trained.
        watched: what a hook may monitor, such as ``val/mae``; None where nothing is validated.

    Returns:
        What a person should know, a line each.

    Raises:
        AgekitError: one of them cannot be built, or monitors what is not measured.
    """
    wrapper = optim_wrapper(config, step)
    rates = sorted({group["lr"] for group in wrapper.optimizer.param_groups})
    made = param_schedulers(config, wrapper, 2)
    with Culprit("schedule", config.schedule.type).doing(f"gives {made}, which cannot be built"):
        for one in made:
            PARAM_SCHEDULERS.build(dict(one), default_args={"optimizer": wrapper})
    for part, hook in zip(config.hooks, build_hooks(config), strict=True):
        monitor = getattr(hook, "monitor", watched)
        if monitor != watched:
            there = "nothing is validated here" if watched is None else f"there is {watched}"
            raise ConfigError(
                f"train.hooks: {part.type} monitors {monitor!r}, and {there}",
                "leave it out" if watched is None else f"give it monitor: {watched}",
            )
    told = [
        f"train.schedule.{key} means nothing to the schedule {config.schedule.type!r}"
        for key in config.schedule.idle(SCHEDULES.get(config.schedule.type))
    ]
    if config.optimizer.layer_decay is not None:
        told.append(
            f"train.optimizer.layer_decay: {len(rates)} learning rates, {rates[0]:.3g} for the "
            f"first layer to {rates[-1]:.3g} for the heads"
        )
    return told


class _Wrapper(OptimWrapper):  # type: ignore[misc]
    """mmengine's, which clips gradients without reading their norm back from the device."""

    def _clip_grad(self) -> None:
        params = [p for group in self.optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(params, **self.clip_grad_kwargs)


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
    return _Wrapper(built, accumulative_counts=config.accumulate, clip_grad=clip)
