"""The label-distribution head: a softmax over the label ages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import Estimate, Head
from agekit_ldl.distribution import estimate_of

__all__ = ["LDLHead"]


class LDLHead(Head):
    """Features (N, F) to logits (N, K): CEN (arXiv 1809.07447) eq. 2, ``z = W^T f + b``.

    Args:
        in_features: F.
        ages: the first and the last label age, years; K = last - first + 1.
        temperature: tau of eq. 3 when an estimate is made.
    """

    def __init__(
        self, in_features: int, ages: tuple[int, int], *, temperature: float = 1.0
    ) -> None:
        super().__init__(in_features, ages)
        if not temperature > 0:
            raise ConfigError(f"ldl: temperature must be above 0 (got {temperature})")
        self.temperature = temperature
        self.fc = nn.Linear(in_features, ages[1] - ages[0] + 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to logits (N, K)."""
        logits: Tensor = self.fc(features)
        return logits

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Logits (N, K) to ages: the expectation (eq. 16) or the median of eq. 3's distribution."""
        return estimate_of(torch.softmax(raw / self.temperature, -1), self.ages, rule, level)
