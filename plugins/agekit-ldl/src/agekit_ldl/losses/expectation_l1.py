"""Absolute error of the expected age."""

from __future__ import annotations

from torch import Tensor

from agekit.plugin import Loss, Target
from agekit_ldl.distribution import moments

__all__ = ["ExpectationL1"]


class ExpectationL1(Loss):
    """Absolute error of the expected age: DLDL-v2 (Gao et al., 2018), ``|sum p_k a_k - y|``."""

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to the batch mean in years."""
        mean, _ = moments(raw, target)
        return (mean - target.age).abs().mean()
