"""A recipe's optimiser and schedule as the configurations mmengine's Runner takes."""

from __future__ import annotations

from typing import Any

from agekit.recipe import TrainConfig

__all__ = ["optim_wrapper", "param_scheduler"]

FUSED = ("Adam", "AdamW", "SGD")
"""Optimisers of which torch has one kernel for all parameters, on CPUs and GPUs alike."""


def optim_wrapper(config: TrainConfig) -> dict[str, Any]:
    """The optimiser in mmengine's plain wrapper: autocast is the step's."""
    optimizer = config.optimizer.model_dump(exclude_none=True)
    if config.optimizer.type in FUSED:
        optimizer["fused"] = True
    out: dict[str, Any] = {"type": "OptimWrapper", "optimizer": optimizer}
    if config.clip_norm is not None:
        out["clip_grad"] = {"max_norm": config.clip_norm}
    return out


def param_scheduler(config: TrainConfig, steps_per_epoch: int) -> list[dict[str, Any]]:
    """The learning-rate schedule of one generation."""
    schedule = config.schedule
    steps = config.epochs * steps_per_epoch
    if schedule.type == "step":
        return [{"type": "StepLR", "step_size": schedule.every, "gamma": schedule.factor}]
    if schedule.type == "one-cycle":
        return [
            {
                "type": "OneCycleLR",
                "eta_max": config.optimizer.lr,
                "total_steps": steps,
                "pct_start": float(schedule.warmup),
                "by_epoch": False,
            }
        ]
    if schedule.type == "cosine":
        return [{"type": "CosineAnnealingLR", "T_max": steps, "eta_min": 0.0, "by_epoch": False}]
    return []
