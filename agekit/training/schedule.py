"""A recipe's optimiser and schedule as the configurations mmengine's Runner takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from agekit.recipe import TrainConfig

__all__ = ["optim_wrapper", "optim_wrappers", "param_scheduler"]

FUSED = ("Adam", "AdamW", "SGD")
"""Optimisers of which torch has one kernel for all parameters, on CPUs and GPUs alike."""

SHORTEST_RISE = 1.5
"""Steps; a rise of one step makes mmengine divide by zero."""


def optim_wrapper(config: TrainConfig) -> dict[str, Any]:
    """The optimiser in mmengine's plain wrapper: autocast is the step's."""
    optimizer = config.optimizer.model_dump(exclude_none=True)
    if config.optimizer.type in FUSED:
        optimizer["fused"] = True
    out: dict[str, Any] = {"type": "OptimWrapper", "optimizer": optimizer}
    if config.clip_norm is not None:
        out["clip_grad"] = {"max_norm": config.clip_norm}
    return out


def optim_wrappers(
    config: TrainConfig, step: nn.Module, parts: Sequence[str]
) -> dict[str, Any] | OptimWrapperDict:
    """One optimiser for all of `step`, or one for each of its parts that are named.

    Frozen parameters are left out, so that they get no state.
    """
    if not parts:
        return optim_wrapper(config)
    built = {}
    for part in parts:
        plain = optim_wrapper(config)
        optimizer = getattr(torch.optim, plain["optimizer"].pop("type"))
        trained = [p for p in getattr(step, part).parameters() if p.requires_grad]
        built[part] = OptimWrapper(
            optimizer(trained, **plain["optimizer"]), clip_grad=plain.get("clip_grad")
        )
    return OptimWrapperDict(**built)


def param_scheduler(config: TrainConfig, steps_per_epoch: int) -> list[dict[str, Any]]:
    """The learning-rate schedule of one generation."""
    schedule = config.schedule
    steps = config.epochs * steps_per_epoch
    if schedule.type == "step":
        return [{"type": "StepLR", "step_size": schedule.every, "gamma": schedule.factor}]
    if schedule.type == "one-cycle" and steps > 1:
        rise = min(max(schedule.warmup * steps, SHORTEST_RISE), steps)
        return [
            {
                "type": "OneCycleLR",
                "eta_max": config.optimizer.lr,
                "total_steps": steps,
                "pct_start": rise / steps,
                "by_epoch": False,
            }
        ]
    if schedule.type == "cosine":
        return [{"type": "CosineAnnealingLR", "T_max": steps, "eta_min": 0.0, "by_epoch": False}]
    if schedule.type == "linear":
        decay = round(schedule.decay * config.epochs)
        start = max(config.epochs - decay - 1, 0)
        end = 1 / (decay + 1)
        linear = {"type": "LinearLR", "start_factor": 1.0, "end_factor": end, "by_epoch": True}
        return [{**linear, "begin": start, "end": start + decay + 1}] if decay else []
    return []
