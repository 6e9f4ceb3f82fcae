"""Squared error of the comparisons with every age."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target
from agekit_ldl.posterior import split_raw

__all__ = ["AgeComparison"]


class AgeComparison(Loss):
    """The comparison term of Posterior (Zhang et al., arXiv 1708.09687), for the head `posterior`.

    ``sum_k (b_k - e_k)^2`` over the label ages ``|l_k - y| >= gap``, with ``e_k = 1[y > l_k]``:
    ages nearer to the true one are too close to call.

    Args:
        gap: years.
    """

    def __init__(self, *, gap: float = 3.0) -> None:
        super().__init__()
        if not gap >= 0:
            raise ConfigError(f"age-comparison: gap must not be below 0 years (got {gap})")
        self.gap = gap

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """The head's output (N, 2K - 1) to the batch mean of the sum."""
        comparisons, _ = split_raw(raw.float(), target.ages)
        ahead = target.age[:, None] - target.labels[:-1]
        error = (torch.sigmoid(comparisons) - (ahead > 0).float()) ** 2
        return (error * (ahead.abs() >= self.gap)).sum(-1).mean()
