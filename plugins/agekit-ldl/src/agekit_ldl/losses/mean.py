"""Squared error of the expected age."""

from __future__ import annotations

from torch import Tensor

from agekit.plugin import Loss, Target
from agekit_ldl.distribution import moments

__all__ = ["Mean"]


class Mean(Loss):
    """The mean term of mean-variance loss (Pan et al., 2018): ``(m - y)^2 / 2``, m = E[a]."""

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to the batch mean in years squared."""
        mean, _ = moments(raw, target)
        return 0.5 * ((mean - target.age) ** 2).mean()
