"""The K-1 binary tasks of a true age, and how much each of them counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.plugin import Target

__all__ = ["AgeCounts", "older"]

_MOST_AGES = 151


def older(target: Target) -> Tensor:
    """The labels of the binary tasks, ``e_j = 1[y > r_j]`` for j = 1..K-1, (N, K-1) float."""
    low, high = target.ages
    ranks = torch.arange(high - low, device=target.label.device)
    return (target.label[:, None] > ranks).float()


class AgeCounts(nn.Module):
    """How many faces of each age a training has shown so far.

    After an epoch they stand in the proportions of the training set. They are part of the state
    that a checkpoint keeps.
    """

    shown: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shown", torch.zeros(_MOST_AGES, dtype=torch.int64))

    def forward(self, target: Target) -> Tensor:
        """Adds the batch where in training mode, and gives one more than the counts, (K,) float.

        One more, so that no age is impossible before it is shown.
        """
        low, high = target.ages
        classes = high - low + 1
        if self.training:
            labels = torch.arange(classes, device=target.label.device)
            self.shown[:classes] += (target.label[:, None] == labels).sum(0)
        return (self.shown[:classes] + 1).float()
