"""The learning-rate range test: rates that rise step by step, and the losses under them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from numpy.typing import NDArray

from agekit.errors import AgekitError, ConfigError, TrainingError

__all__ = ["Curve", "Enough", "RangeTest"]

_SMOOTHING = 0.9
_DIVERGED = 4.0
"""Times the least loss so far, from which on more is nothing new."""
_BELOW = 10
_SPAN = 20
"""The share of the curve over which its fall is measured is one by this."""
_FIRST = 0.1
"""The share of the steps before the end that say nothing: the average is young."""


@dataclass
class Curve:
    """Learning rates and the losses of the steps that were made by them.

    Attributes:
        rates: of each step, rising.
        losses: of each step, as it was.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def smooth(self) -> NDArray[np.float64]:
        """The exponential average of the losses, without the bias of its beginning."""
        average, out = 0.0, []
        for k, loss in enumerate(self.losses, 1):
            average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
            out.append(average / (1 - _SMOOTHING**k))
        return np.array(out)

    @property
    def has_diverged(self) -> bool:
        """Whether the last loss is none, or far above the least."""
        if not self.losses or math.isfinite(self.losses[-1]):
            smooth = self.smooth
            return len(smooth) > 1 and bool(smooth[-1] > _DIVERGED * smooth.min() > 0)
        return True

    def best(self) -> tuple[float, float]:
        """A rate to begin with, and the one at which the loss is least.

        The first is where the loss falls fastest, but at most a tenth of the second: where losses
        are noisy, the steepest fall may be one from a spike, near to where training breaks.

        Raises:
            TrainingError: the loss falls nowhere.
        """
        finite = np.isfinite(self.losses)
        smooth = self.smooth[: int(finite.argmin()) if not finite.all() else None]
        first = int(_FIRST * len(smooth))
        least = first + int(smooth[first:].argmin()) if len(smooth) > first else 0
        span = max(1, len(smooth) // _SPAN)
        falls = smooth[first + span : least + 1] - smooth[first : max(first, least + 1 - span)]
        if not len(falls) or falls.min() >= 0:
            raise TrainingError(
                "the loss falls at no learning rate between "
                f"{self.rates[0]:.3g} and {self.rates[-1]:.3g}",
                "begin lower (--low), or take more --steps",
            )
        steepest = self.rates[first + span // 2 + int(falls.argmin())]
        return min(steepest, self.rates[least] / _BELOW), self.rates[least]


class Enough(AgekitError):
    """Ends a training whose curve is known; no fault of any part."""

    def __init__(self, curve: Curve) -> None:
        super().__init__("the range test is done")
        self.curve = curve


class RangeTest(Hook):  # type: ignore[misc]
    """Raises the learning rate of every step by the same factor, and ends the training.

    Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), section 3.3;
    the rates rise by a factor, as they are looked for over decades. Groups of parameters keep
    their rates' proportions.

    Args:
        low: the rate of the first step.
        high: that of the last one.
        steps: how many.
    """

    priority = "VERY_HIGH"

    def __init__(self, *, low: float = 1e-6, high: float = 1.0, steps: int = 200) -> None:
        if not 0 < low < high < math.inf:
            raise ConfigError(f"low={low:g} is to be above 0, and below high={high:g}")
        if steps < 10:
            raise ConfigError(f"steps={steps} are too few for a curve", "take 10 or more")
        self.low, self.high, self.steps = low, high, steps

    def before_train(self, runner: Any) -> None:
        """Begins the curve."""
        self._curve = Curve()
        self._groups = _groups(runner)
        most = max((group["lr"] for group in self._groups), default=0.0) or 1.0
        self._shares = [group["lr"] / most for group in self._groups]

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Sets the rate of a step."""
        part = len(self._curve.rates) / (self.steps - 1)
        rate = self.low * (self.high / self.low) ** part
        for group, share in zip(self._groups, self._shares, strict=True):
            group["lr"] = rate * share
        self._curve.rates.append(rate)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keeps its loss.

        Raises:
            Enough: with the curve, once it is whole or has diverged.
        """
        self._curve.losses.append(float((outputs or {})["loss"]))
        if self._curve.has_diverged or len(self._curve.rates) == self.steps:
            raise Enough(self._curve)


def _groups(runner: Any) -> Sequence[dict[str, Any]]:
    wrapper = runner.optim_wrapper
    if not hasattr(wrapper, "optimizer"):
        raise ConfigError(
            "a range test is of one loss and one optimiser, and what is trained here has several"
        )
    groups: Sequence[dict[str, Any]] = wrapper.optimizer.param_groups
    return groups
