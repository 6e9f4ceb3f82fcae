"""Cross-entropy to soft ordinal labels."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target
from agekit_ldl.distribution import logits_of

__all__ = ["SORD"]


class SORD(Loss):
    """Cross-entropy to soft ordinal labels: SORD (Díaz and Marathe, 2019).

    ``t = softmax(-phi(a_k, y))``; phi is the distance ``|a_k - y|`` or its square, in years.

    Args:
        phi: ``absolute`` or ``squared``.
    """

    def __init__(self, *, phi: Literal["absolute", "squared"] = "absolute") -> None:
        super().__init__()
        if phi not in ("absolute", "squared"):
            raise ConfigError(f"sord: phi must be absolute or squared (got {phi!r})")
        self.phi = phi

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to ``-1/N sum t ln p`` in nats."""
        distance = (target.labels - target.age[:, None]).abs()
        if self.phi == "squared":
            distance = distance**2
        return F.cross_entropy(logits_of(raw, target), torch.softmax(-distance, -1))
