"""Losses of a regressed age."""

from __future__ import annotations

from torch import Tensor

from agekit.estimator.base import Loss
from agekit.estimator.target import Target

__all__ = ["L1"]


class L1(Loss):
    """Absolute error of the normalised age: CEN (arXiv 1809.07447) eq. 9, ``1/N sum |s - y|``."""

    def forward(self, raw: Tensor, target: Target, ancestor: Tensor | None = None) -> Tensor:
        """Normalised ages (N,) to a scalar in units of the age range."""
        return (raw.float() - target.unit).abs().mean()
