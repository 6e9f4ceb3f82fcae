"""Error of the expected age, weighed against the distribution's own variance."""

from __future__ import annotations

from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target
from agekit_ldl.distribution import moments

__all__ = ["Concentration"]


class Concentration(Loss):
    """The concentrated term of the unimodal-concentrated loss (Li et al., CVPR 2022).

    ``ln(v) / 2 + (m - y)^2 / 2v`` with the distribution's mean m and variance v: as sure as it is
    right, and no surer.

    Args:
        floor: the least v that counts, in years squared. Without one the loss has no lower bound
            on faces that the network knows by heart.
    """

    def __init__(self, *, floor: float = 0.01) -> None:
        super().__init__()
        if not floor > 0:
            raise ConfigError(f"concentration: floor must be above 0 (got {floor})")
        self.floor = floor

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to the batch mean, a log-likelihood in nats up to a constant."""
        mean, variance = moments(raw, target)
        v = variance.clamp(min=self.floor)
        return 0.5 * (v.log() + (mean - target.age) ** 2 / v).mean()
