"""The learning rate over one generation: the schedules that come with agekit, on mmengine's.

A schedule is a function that takes a `Span` first, and its own arguments as keywords; it gives the
configurations of mmengine's parameter schedulers. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agekit.errors import ConfigError

__all__ = [
    "Schedulers",
    "Span",
    "constant",
    "cosine",
    "exponential",
    "linear",
    "multi_step",
    "one_cycle",
    "polynomial",
    "step",
]

Schedulers = list[dict[str, Any]]
"""Configurations of mmengine's parameter schedulers, as its Runner takes them."""

SHORTEST_RISE = 1.5
"""Steps; a rise of one step makes mmengine divide by zero."""


@dataclass(frozen=True)
class Span:
    """The steps that a schedule is spread over.

    Attributes:
        epochs: of the generation.
        steps_per_epoch: batches of an epoch.
        lrs: the learning rate of each group of parameters, as the recipe has it.
    """

    epochs: int
    steps_per_epoch: int
    lrs: Sequence[float]

    @property
    def steps(self) -> int:
        """All steps."""
        return self.epochs * self.steps_per_epoch

    def warm_up(self, epochs: float) -> tuple[int, Schedulers]:
        """A linear rise from nearly nothing, before or beneath another schedule.

        Args:
            epochs: that it takes.

        Returns:
            The steps that it takes, and its scheduler, if there is any.

        Raises:
            ConfigError: it is negative, or takes the whole generation.
        """
        if not 0 <= epochs < self.epochs:
            raise ConfigError(
                f"train.schedule: warmup_epochs must be from 0 to below the {self.epochs} of "
                f"train.epochs (got {epochs:g})"
            )
        steps = min(max(round(epochs * self.steps_per_epoch), 2), self.steps - 1) if epochs else 0
        if steps < 2:
            return 0, []
        rise = {"type": "LinearLR", "start_factor": 1 / steps, "end": steps, "by_epoch": False}
        return steps, [rise]


def constant(span: Span, *, warmup_epochs: float = 0.0) -> Schedulers:
    """The rate as it is.

    Args:
        span: what it is spread over.
        warmup_epochs: of a linear rise to it.
    """
    return span.warm_up(warmup_epochs)[1]


def step(
    span: Span, *, every: int = 40, factor: float = 0.1, warmup_epochs: float = 0.0
) -> Schedulers:
    """Times `factor` after every `every` epochs.

    Args:
        span: what it is spread over.
        every: epochs.
        factor: above 0.
        warmup_epochs: of a linear rise to the first rate.
    """
    rise = span.warm_up(warmup_epochs)[1]
    return [*rise, {"type": "StepLR", "step_size": every, "gamma": factor}]


def multi_step(
    span: Span, *, milestones: list[int], gamma: float = 0.1, warmup_epochs: float = 0.0
) -> Schedulers:
    """Times `gamma` after each of the epochs listed.

    Args:
        span: what it is spread over.
        milestones: epochs, ascending.
        gamma: above 0.
        warmup_epochs: of a linear rise to the first rate.
    """
    if not milestones or sorted(set(milestones)) != list(milestones) or milestones[0] < 1:
        raise ConfigError(
            f"train.schedule: milestones must be ascending epochs from 1 on (got {milestones})"
        )
    rise = span.warm_up(warmup_epochs)[1]
    return [*rise, {"type": "MultiStepLR", "milestones": list(milestones), "gamma": _above(gamma)}]


def exponential(span: Span, *, gamma: float, warmup_epochs: float = 0.0) -> Schedulers:
    """Times `gamma` after every epoch.

    Args:
        span: what it is spread over.
        gamma: above 0.
        warmup_epochs: of a linear rise to the first rate.
    """
    rise = span.warm_up(warmup_epochs)[1]
    return [*rise, {"type": "ExponentialLR", "gamma": _above(gamma)}]


def one_cycle(span: Span, *, warmup: float = 0.25) -> Schedulers:
    """Up over the share `warmup` of all steps and down along a cosine (arXiv 1708.07120).

    Args:
        span: what it is spread over.
        warmup: 0 to 1.
    """
    if span.steps <= 1:
        return []
    rise = min(max(warmup * span.steps, SHORTEST_RISE), span.steps)
    return [
        {
            "type": "OneCycleLR",
            "eta_max": span.lrs[0] if len(span.lrs) == 1 else list(span.lrs),
            "total_steps": span.steps,
            "pct_start": rise / span.steps,
            "by_epoch": False,
        }
    ]


def cosine(span: Span, *, end: float = 0.0, warmup_epochs: float = 0.0) -> Schedulers:
    """Down along a cosine.

    Args:
        span: what it is spread over.
        end: the last rate, as a share of the first.
        warmup_epochs: of a linear rise before it.
    """
    if not 0 <= end <= 1:
        raise ConfigError(f"train.schedule: end must be from 0 to 1 (got {end:g})")
    begin, rise = span.warm_up(warmup_epochs)
    least = {"eta_min_ratio": end} if end else {"eta_min": 0.0}
    cosine = {"type": "CosineAnnealingLR", "T_max": span.steps - begin, **least, "by_epoch": False}
    return [*rise, cosine | ({"begin": begin} if begin else {})]


def polynomial(span: Span, *, power: float = 1.0, warmup_epochs: float = 0.0) -> Schedulers:
    """Down to 0 as ``(1 - t)^power``, t from 0 to 1.

    Args:
        span: what it is spread over.
        power: above 0; 1 is a straight line.
        warmup_epochs: of a linear rise before it.
    """
    begin, rise = span.warm_up(warmup_epochs)
    if not power > 0:
        raise ConfigError(f"train.schedule: power must be above 0 (got {power:g})")
    if span.steps - begin < 2:
        return rise
    ends = {"begin": begin, "end": span.steps, "by_epoch": False}
    return [*rise, {"type": "PolyLR", "power": power, **ends}]


def linear(span: Span, *, decay: float = 0.5) -> Schedulers:
    """Constant, then down to 0 over the share `decay` of the epochs, as CycleGAN has it.

    Args:
        span: what it is spread over.
        decay: 0 to 1.
    """
    epochs = round(decay * span.epochs)
    start = max(span.epochs - epochs - 1, 0)
    factors = {"start_factor": 1.0, "end_factor": 1 / (epochs + 1)}
    straight = {"type": "LinearLR", **factors, "by_epoch": True}
    return [{**straight, "begin": start, "end": start + epochs + 1}] if epochs else []


def _above(gamma: float) -> float:
    if not gamma > 0:
        raise ConfigError(f"train.schedule: gamma must be above 0 (got {gamma:g})")
    return gamma
