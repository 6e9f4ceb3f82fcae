"""Ranking-CNN (Chen et al., CVPR 2017): a network of its own for every threshold."""

from __future__ import annotations

from math import isqrt

import torch
from torch import Tensor

from agekit.errors import ConfigError
from agekit.plugin import Estimate, Head
from agekit_ordinal.decode import decode
from agekit_ordinal.ensemble import BinaryCnns

__all__ = ["RankingHead"]

_SMALLEST = 35


class RankingHead(Head):
    """Pixels to the logits of "older than r_j?", (N, K-1), each from a small network of its own.

    The K-1 networks, one for each label age but the last, run as one of grouped convolutions. With
    the loss ``ordinal``, a sum over the tasks, each gets the gradient it would get alone.

    Args:
        in_features: 3 S^2 of images (3, S, S), as the backbone ``pixels`` gives them; S >= 35.
        ages: the first and the last label age, years; K = last - first + 1.
        width: the networks' filters and units, in shares of the paper's.
        dropout: the share of the fully connected units left out in training.
    """

    def __init__(
        self,
        in_features: int,
        ages: tuple[int, int],
        *,
        width: float = 1.0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(in_features, ages)
        if not (width > 0 and 0 <= dropout < 1):
            raise ConfigError(
                f"ranking: width must be above 0 and dropout from 0 to below 1 "
                f"(got {width} and {dropout})"
            )
        self.side = isqrt(in_features // 3)
        if 3 * self.side**2 != in_features or self.side < _SMALLEST:
            raise ConfigError(
                f"ranking: the features ({in_features}) are not the pixels of an image of at "
                f"least {_SMALLEST} x {_SMALLEST}",
                "give the recipe backbone: {type: pixels}, and a data.size that is large enough",
            )
        self.networks = BinaryCnns(ages[1] - ages[0], self.side, width, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Pixels (N, 3 S^2) to logits (N, K-1): each network's second output less its first."""
        images = features.view(-1, 3, self.side, self.side)
        logits: Tensor = self.networks(images)
        no, yes = logits.float().unbind(-1)
        return yes - no

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Logits (N, K-1) to ages; see `decode`."""
        return decode(torch.sigmoid(raw), self.ages, rule, level)
