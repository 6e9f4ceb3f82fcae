"""The target of an estimator: a batch of ages in the units the losses need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Mixed", "Target"]


@dataclass(frozen=True)
class Target:
    """The true ages of a batch.

    Attributes:
        age: ages in years, (N,) float.
        sigma: standard deviation of the annotators' ages in years, (N,), NaN where unknown.
        ages: the first and the last label age (l_1, l_k), years, both included.
    """

    age: Tensor
    sigma: Tensor
    ages: tuple[int, int]

    @cached_property
    def label(self) -> Tensor:
        """The index of the nearest label age, (N,) int64; the one-hot o of the paper."""
        low, high = self.ages
        return (self.age.round() - low).clamp(0, high - low).long()

    @cached_property
    def unit(self) -> Tensor:
        """The age normalised to [0, 1] over the label ages, (N,).

        CEN (arXiv 1809.07447) eq. 1: y = (l - l_1) / (l_k - l_1).
        """
        low, high = self.ages
        return (self.age - low) / (high - low)

    @cached_property
    def labels(self) -> Tensor:
        """The label ages l_1..l_k in years, (K,)."""
        low, high = self.ages
        return torch.arange(low, high + 1, device=self.age.device, dtype=torch.float32)

    @cached_property
    def soft(self) -> Tensor:
        """The one-hot o as a distribution over the label ages, (N, K) float32."""
        low, high = self.ages
        return F.one_hot(self.label, high - low + 1).float()

    def take(self, rows: Tensor) -> Target:
        """The ages of some of the faces, by their positions (M,)."""
        return Target(self.age[rows], self.sigma[rows], self.ages)


@dataclass(frozen=True)
class Mixed:
    """The faces of a batch that are mixed into its images: mixup, cutmix.

    Attributes:
        target: the true ages of the faces that are mixed in.
        share: that of the batch's own faces, a scalar on the device, 0 to 1.
    """

    target: Target
    share: Tensor

    def soft(self, own: Target) -> Tensor:
        """The distributions of both, mixed by their shares, (N, K)."""
        return self.share * own.soft + (1 - self.share) * self.target.soft
