"""CORN (Shi, Cao and Raschka, arXiv 2111.08851): each task given that the one before holds."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from agekit.plugin import Estimate, Head, Loss, Target
from agekit_ordinal.decode import decode
from agekit_ordinal.tasks import older

__all__ = ["CornHead", "CornLoss"]


class CornHead(Head):
    """Features (N, F) to the conditional logits of ``p(y > r_j | y > r_{j-1})``, (N, K-1).

    Args:
        in_features: F.
        ages: the first and the last label age, years; K = last - first + 1.
    """

    def __init__(self, in_features: int, ages: tuple[int, int]) -> None:
        super().__init__(in_features, ages)
        self.fc = nn.Linear(in_features, ages[1] - ages[0])

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to logits (N, K-1)."""
        logits: Tensor = self.fc(features)
        return logits

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Logits (N, K-1) to ages by the chain rule, ``p(y > r_j) = prod_{i<=j} sigmoid(z_i)``."""
        exceeds = F.logsigmoid(raw).cumsum(-1).exp()
        return decode(exceeds, self.ages, rule, level)


class CornLoss(Loss):
    """Cross-entropy of each task over the faces it is conditioned on, in nats.

    Task j is trained on the faces with ``y > r_{j-1}`` only (all of them for j = 1); the sum over
    tasks and their faces is divided by the number of (face, task) pairs.
    """

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K-1) to a scalar."""
        labels = older(target)
        taken = F.pad(labels[:, :-1], (1, 0), value=1.0)
        entropy = F.binary_cross_entropy_with_logits(raw.float(), labels, reduction="none")
        return (taken * entropy).sum() / taken.sum()
