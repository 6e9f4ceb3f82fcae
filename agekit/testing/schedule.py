"""The contract of schedules, as a test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from agekit.testing.subject import Part, Subject
from agekit.training.schedule import Span

__all__ = ["check_schedule"]

_LR = 0.5
_SPANS = ((1, 1), (2, 3), (10, 4))


def check_schedule(
    part: Part,
    *,
    arguments: Mapping[str, object] | None = None,
    spans: Sequence[tuple[int, int]] = _SPANS,
) -> None:
    """Checks that a schedule keeps its contract: a `Span` to mmengine's parameter schedulers.

    They can be built, and the rate of every step is a finite number of 0 or more.

    Args:
        part: its registry name, or the function.
        arguments: its keyword arguments, as a recipe gives them.
        spans: epochs and steps an epoch to try it on.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("schedule", part, arguments)
    for epochs, steps in spans:
        wrapper = OptimWrapper(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=_LR))
        made = subject.build(Span(epochs, steps, [_LR]))
        listed = isinstance(made, list) and all(isinstance(one, Mapping) for one in made)
        subject.require(listed, f"it gives {made!r}, not a list of mmengine's configurations")
        where = f"{epochs} epochs of {steps} steps"
        with subject.doing(f"building {made} for {where}"):
            built = [
                PARAM_SCHEDULERS.build(dict(one), default_args={"optimizer": wrapper})
                for one in made
            ]
        for step in range(epochs * steps):
            (rate,) = wrapper.get_lr()["lr"]
            subject.require(
                math.isfinite(rate) and rate >= 0,
                f"its rate is {rate} at step {step} of {where}",
            )
            wrapper.step()
            for one in built:
                if not one.by_epoch or (step + 1) % steps == 0:
                    one.step()
