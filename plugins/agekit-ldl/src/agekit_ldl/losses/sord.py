"""Cross-entropy to soft ordinal labels."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target
from agekit_ldl.distribution import logits_of
from agekit_ldl.label_noise import LabelNoise

__all__ = ["SORD"]


class SORD(Loss):
    """Cross-entropy to soft ordinal labels: SORD (Díaz and Marathe, 2019).

    ``t = softmax(-phi(a_k, y))``; phi is the distance ``|a_k - y|`` or its square, in years. With
    a `sigma` that is scaled so that the labels have this standard deviation over endless ages:
    ``sqrt(2) |a_k - y| / sigma``, a Laplace distribution, or ``(a_k - y)^2 / 2 sigma^2``, a normal
    one.

    Args:
        phi: ``absolute`` or ``squared``.
        sigma: the labels' standard deviation in years, or age → years, see `LabelNoise`; without
            it the labels are those of the paper.
    """

    def __init__(
        self,
        *,
        phi: Literal["absolute", "squared"] = "absolute",
        sigma: float | dict[str, float] | None = None,
    ) -> None:
        super().__init__()
        if phi not in ("absolute", "squared"):
            raise ConfigError(f"sord: phi must be absolute or squared (got {phi!r})")
        self.phi = phi
        self.noise = None if sigma is None else LabelNoise(sigma, "sord")

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to ``-1/N sum t ln p`` in nats."""
        distance = (target.labels - target.age[:, None]).abs()
        if self.noise is not None:
            distance = distance * 2**0.5 / self.noise(target.age)[:, None]
        if self.phi == "squared":
            # With a sigma d is sqrt(2) |a - y| / sigma, so that d^2 / 4 is (a - y)^2 / 2 sigma^2.
            distance = distance**2 * (1 if self.noise is None else 0.25)
        return F.cross_entropy(logits_of(raw, target), torch.softmax(-distance, -1))
