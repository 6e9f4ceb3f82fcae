"""Divergence from a Gaussian around the true age."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agekit.plugin import Loss, Target
from agekit_ldl.distribution import log_gaussian, logits_of
from agekit_ldl.label_noise import LabelNoise

__all__ = ["GaussianLDL"]


class GaussianLDL(Loss):
    """KL divergence from a Gaussian around the true age: DLDL (Gao et al., 2017).

    ``t_k = exp(-(a_k - y)^2 / 2 sigma^2)``, normalised; the loss is ``KL(t || p)``.

    Args:
        sigma: the Gaussian's standard deviation in years; or age → years, see `LabelNoise`.
        annotated: take each face's own sigma instead where the dataset has one.
    """

    def __init__(self, *, sigma: float | dict[str, float] = 2.0, annotated: bool = True) -> None:
        super().__init__()
        self.noise = LabelNoise(sigma, "gaussian-ldl")
        self.annotated = annotated

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to the batch mean of ``KL(t || p)`` in nats."""
        sigma = self.noise(target.age)
        if self.annotated:
            sigma = torch.where(target.sigma > 0, target.sigma, sigma)
        log_p = F.log_softmax(logits_of(raw, target), -1)
        log_t = log_gaussian(target, sigma)
        return F.kl_div(log_p, log_t, reduction="batchmean", log_target=True)
