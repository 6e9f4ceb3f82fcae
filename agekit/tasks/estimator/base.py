"""The two contracts an estimator's parts keep: heads and losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from agekit.tasks.estimator.estimate import Estimate

__all__ = ["Head", "Loss"]


class Head(nn.Module, ABC):
    """Features to raw output, and raw output to an estimate.

    Args:
        in_features: F, the length of a feature.
        ages: the first and the last label age, years, both included.

    A subclass takes these two first and its own arguments as keywords; a recipe's `heads` entry
    names the keywords.
    """

    def __init__(self, in_features: int, ages: tuple[int, int]) -> None:
        super().__init__()
        self.in_features = in_features
        self.ages = ages

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to raw output (N, ...)."""

    @abstractmethod
    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Raw output to ages.

        Args:
            raw: what `forward` gave.
            rule: ``expectation`` or ``median``, for heads with a distribution.
            level: the share that a central interval of the distribution holds, 0 to 1.
        """


class Loss(nn.Module, ABC):
    """One scalar term of what a generation minimises: the mean over a batch.

    `forward` takes the raw output of a head (N, ...) and the `Target`, and gives a scalar. What
    else it needs it asks for by name, as keyword-only arguments, and is given in every step; see
    `agekit.tasks.estimator.terms.GIVEN`. One without a default must be there: a loss with
    ``*, teacher: Tensor`` trains no generation that has no teacher.
    """

    forward: Callable[..., Tensor]
