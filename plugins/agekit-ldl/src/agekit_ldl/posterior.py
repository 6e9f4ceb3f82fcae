"""The head that weighs comparisons with every age: Posterior (Zhang et al., 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.plugin import Estimate, Head
from agekit_ldl.distribution import estimate_of

__all__ = ["PosteriorHead", "split_raw"]


class PosteriorHead(Head):
    """Features (N, F) to K - 1 comparisons and, from them, a distribution over K label ages.

    Zhang et al., *Quantifying Facial Age by Posterior of Age Comparisons* (arXiv 1708.09687):
    ``b = sigmoid(W1 f + c1)``, where ``b_k`` is the probability that the face is older than the
    label age ``l_k``, k = 1..K-1; ``p = softmax(W2 b + c2)``.

    Args:
        in_features: F.
        ages: the first and the last label age, years; K = last - first + 1.
    """

    def __init__(self, in_features: int, ages: tuple[int, int]) -> None:
        super().__init__(in_features, ages)
        labels = ages[1] - ages[0] + 1
        self.compare = nn.Linear(in_features, labels - 1)
        self.weigh = nn.Linear(labels - 1, labels)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to the logits of b and those of p, side by side: (N, (K - 1) + K)."""
        comparisons: Tensor = self.compare(features)
        weighed: Tensor = self.weigh(torch.sigmoid(comparisons))
        return torch.cat([comparisons, weighed], -1)

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """The expectation of p, or its median."""
        _, logits = split_raw(raw, self.ages)
        return estimate_of(torch.softmax(logits, -1), self.ages, rule, level)


def split_raw(raw: Tensor, ages: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Raw output (N, 2K - 1) to the logits of the comparisons (N, K - 1) and of the ages (N, K).

    Raises:
        RuntimeError: the output is of another head.
    """
    above = ages[1] - ages[0]
    comparisons, logits = torch.split(raw, [above, above + 1], -1)
    return comparisons, logits
