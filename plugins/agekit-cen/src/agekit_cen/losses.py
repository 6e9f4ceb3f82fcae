"""The losses of an offspring against its ancestor: CEN (arXiv 1809.07447) eq. 5-7 and 10-13."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target

__all__ = ["EvolvedLDL", "SlackL1"]


class EvolvedLDL(Loss):
    """Evolutionary label distribution learning: eq. 7, ``alpha KL + (1 - alpha) CE``.

    The KL divergence from the ancestor's distribution is eq. 5's, both at temperature tau (eq. 3);
    it differs from eq. 6 by the ancestor's entropy, which has no gradient. The cross-entropy is
    eq. 4's.

    Args:
        alpha: the share of the ancestor's distribution, 0 to 1.
        tau: the temperature of both distributions.
        tau_squared: multiply the KL term by tau^2, as distillation usually does (the paper does
            not).
    """

    def __init__(self, *, alpha: float = 0.5, tau: float = 2.0, tau_squared: bool = False) -> None:
        super().__init__()
        if not (0 <= alpha <= 1 and tau > 0):
            raise ConfigError(
                f"evolved-ldl: alpha must be from 0 to 1 and tau above 0 (got {alpha} and {tau})"
            )
        self.alpha = alpha
        self.tau = tau
        self.tau_squared = tau_squared

    def forward(self, raw: Tensor, target: Target, *, teacher: Tensor) -> Tensor:
        """Logits (N, K) and the ancestor's logits (N, K) to a scalar in nats."""
        inherited = F.log_softmax(teacher.float() / self.tau, -1)
        own = F.log_softmax(raw.float() / self.tau, -1)
        kl = F.kl_div(own, inherited, reduction="batchmean", log_target=True)
        if self.tau_squared:
            kl = kl * self.tau**2
        ce = F.cross_entropy(raw.float(), target.label)
        return self.alpha * kl + (1 - self.alpha) * ce


class SlackL1(Loss):
    """Evolutionary slack regression: eq. 13, ``max(0, |s_t - y| - |s_{t-1} - y|)``, batch mean.

    The offspring is free within the interval that its ancestor's error spans around the true age
    (eq. 10-12).
    """

    def forward(self, raw: Tensor, target: Target, *, teacher: Tensor) -> Tensor:
        """Normalised ages (N,) and the ancestor's (N,) to a scalar in units of the age range."""
        slack = (teacher.float() - target.unit).abs()
        return ((raw.float() - target.unit).abs() - slack).clamp(min=0).mean()
