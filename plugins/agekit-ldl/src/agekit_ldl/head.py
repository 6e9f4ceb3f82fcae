"""The label-distribution head: a softmax over the label ages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import Estimate, Head
from agekit_ldl.by_age import points_by_age
from agekit_ldl.distribution import estimate_of

__all__ = ["LDLHead"]


class LDLHead(Head):
    """Features (N, F) to logits (N, K): CEN (arXiv 1809.07447) eq. 2, ``z = W^T f + b``.

    Args:
        in_features: F.
        ages: the first and the last label age, years; K = last - first + 1.
        temperature: tau of eq. 3 when an estimate is made.
        adjust: age → what is added to the logits when an estimate is made, linear between these
            ages and constant beyond, such as ``{50: 0, 70: 0.6}``: the ages that training saw
            seldom are made likelier (logit adjustment; Menon et al., ICLR 2021, eq. 9).

    Raises:
        ConfigError: the temperature or the adjustment is no such value.
    """

    shift: Tensor | None

    def __init__(
        self,
        in_features: int,
        ages: tuple[int, int],
        *,
        temperature: float = 1.0,
        adjust: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(in_features, ages)
        if not temperature > 0:
            raise ConfigError(f"ldl: temperature must be above 0 (got {temperature})")
        self.temperature = temperature
        shift = None if adjust is None else _shift(adjust, ages)
        self.register_buffer("shift", shift, persistent=False)
        self.fc = nn.Linear(in_features, ages[1] - ages[0] + 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to logits (N, K)."""
        logits: Tensor = self.fc(features)
        return logits

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Logits (N, K) to ages: the expectation (eq. 16) or the median of eq. 3's distribution."""
        logits = raw / self.temperature
        if self.shift is not None:
            logits = logits + self.shift
        return estimate_of(torch.softmax(logits, -1), self.ages, rule, level)


def _shift(adjust: Mapping[str, float], ages: tuple[int, int]) -> Tensor:
    """What is added to the logits of the label ages, (K,)."""
    points = np.array(points_by_age(adjust, "ldl: adjust", "logits", "{50: 0, 70: 0.6}"))
    shift = np.interp(np.arange(ages[0], ages[1] + 1), points[:, 0], points[:, 1])
    if not np.isfinite(shift).all():
        raise ConfigError(f"ldl: adjust must be of finite logits (got {adjust!r})")
    return torch.tensor(shift, dtype=torch.float32)
