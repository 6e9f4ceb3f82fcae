"""Cross-entropy of the posterior head's distribution to a Gaussian around the true age."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Loss, Target
from agekit_ldl.distribution import log_gaussian
from agekit_ldl.posterior import split_raw

__all__ = ["PosteriorCrossEntropy"]


class PosteriorCrossEntropy(Loss):
    """The distribution term of Posterior (Zhang et al., arXiv 1708.09687), for its own head.

    ``-sum t_k ln p_k`` with ``t_k = exp(-(a_k - y)^2 / 2 sigma^2)``, normalised.

    Args:
        sigma: the Gaussian's standard deviation in years.
    """

    def __init__(self, *, sigma: float = 2.0) -> None:
        super().__init__()
        if not sigma > 0:
            raise ConfigError(f"posterior-cross-entropy: sigma must be above 0 years (got {sigma})")
        self.sigma = sigma

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """The head's output (N, 2K - 1) to the batch mean in nats."""
        _, logits = split_raw(raw.float(), target.ages)
        return F.cross_entropy(logits, log_gaussian(target, self.sigma).exp())
