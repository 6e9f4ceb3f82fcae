"""Variance of the predicted distribution."""

from __future__ import annotations

from torch import Tensor

from agekit.plugin import Loss, Target
from agekit_ldl.distribution import moments

__all__ = ["Variance"]


class Variance(Loss):
    """The variance term of mean-variance loss (Pan et al., 2018): ``sum p_k (a_k - m)^2``."""

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to the batch mean in years squared."""
        _, variance = moments(raw, target)
        return variance.mean()
