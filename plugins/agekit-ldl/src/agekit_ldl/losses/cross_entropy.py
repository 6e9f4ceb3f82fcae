"""Cross-entropy to the one-hot age."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from agekit.plugin import Loss, Target
from agekit_ldl.distribution import logits_of

__all__ = ["CrossEntropy"]


class CrossEntropy(Loss):
    """Cross-entropy to the one-hot age: DEX; CEN (arXiv 1809.07447) eq. 4, tau = 1."""

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to ``-1/N sum ln p[label]``."""
        return F.cross_entropy(logits_of(raw, target), target.label)
