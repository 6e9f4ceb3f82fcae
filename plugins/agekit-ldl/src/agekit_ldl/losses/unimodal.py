"""Penalty on probabilities that do not fall away from the true age."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.plugin import Loss, Target
from agekit_ldl.distribution import logits_of

__all__ = ["Unimodal"]


class Unimodal(Loss):
    """The unimodal term of the unimodal-concentrated loss (Li et al., CVPR 2022).

    ``sum_k relu(s_k (p_{k+1} - p_k))`` with s = -1 below the true label, where the probabilities
    should rise, and 1 from it on, where they should fall.
    """

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K) to the batch mean, 0 for distributions that peak at the true label only."""
        step = torch.softmax(logits_of(raw, target), -1).diff(dim=-1)
        k = torch.arange(step.shape[-1], device=raw.device)
        wrong = torch.where(k < target.label[:, None], -step, step)
        return wrong.relu().sum(-1).mean()
