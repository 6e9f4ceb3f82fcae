"""The regression forest head: soft decision trees whose leaves are Gaussians over age."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import Estimate, Head, posterior_median, quantile

__all__ = ["ForestHead"]


class ForestHead(Head):
    """A deep regression forest (Shen et al., CVPR 2018, arXiv 1712.07195).

    Each of the ``2^(depth-1) - 1`` split nodes of a tree sends a face left with the probability
    ``sigmoid(f_u(x))``, u a unit of a fully connected layer drawn at random, none twice in a tree.
    A leaf is reached with the product of the probabilities on its path and holds a Gaussian over
    age; a tree answers ``sum_l P(l|x) mu_l`` and the forest with the mean of its trees.

    The raw output (N, T, 1 + L) holds each tree's answer in years and its leaves' probabilities.
    Both are linear in the probabilities, so the mean of two raw outputs is one too. The Gaussians
    are buffers: no gradient reaches them, the evolver `forest` fits them (see `leaves.py`). Until
    then they lie evenly over the label ages.

    Args:
        in_features: F.
        ages: the first and the last label age, years.
        trees: T.
        depth: levels of a tree, its leaves' too; L = 2^(depth-1).
        units: outputs of the fully connected layer.
    """

    units: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(
        self,
        in_features: int,
        ages: tuple[int, int],
        *,
        trees: int = 5,
        depth: int = 6,
        units: int = 128,
    ) -> None:
        super().__init__(in_features, ages)
        if trees < 1 or not 2 <= depth <= 12:
            raise ConfigError(
                f"forest: trees must be at least 1 and depth from 2 to 12 (got {trees} and {depth})"
            )
        leaves = 2 ** (depth - 1)
        if units < leaves - 1:
            raise ConfigError(
                f"forest: units must be at least {leaves - 1}, one for each split node of a tree "
                f"of depth {depth} (got {units})"
            )
        self.depth = depth
        self.fc = nn.Linear(in_features, units)
        drawn = torch.stack([torch.randperm(units)[: leaves - 1] for _ in range(trees)])
        self.register_buffer("units", drawn)
        step = (ages[1] - ages[0]) / leaves
        even = ages[0] + step * (torch.arange(leaves) + 0.5)
        self.register_buffer("mean", even.expand(trees, leaves).clone())
        self.register_buffer("variance", torch.full((trees, leaves), step**2))

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to trees' ages in years and leaf probabilities, (N, T, 1 + L)."""
        left = torch.sigmoid(self.fc(features).float())[:, self.units]
        reached = torch.ones_like(left[..., :1])
        for level in range(self.depth - 1):
            first = 2**level - 1
            go = left[..., first : first + 2**level]
            reached = torch.stack([reached * go, reached * (1 - go)], -1).flatten(2)
        ages = (reached * self.mean).sum(-1, keepdim=True)
        return torch.cat([ages, reached], -1)

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Raw output (N, T, 1 + L) to ages, with the distribution of the leaves' mixture.

        By the rule ``expectation`` the age is the paper's, the mean of the trees' answers. The
        distribution over the label ages gives each the mixture's mass within half a year of it,
        the tails to the first and the last.
        """
        p = raw[..., 1:].flatten(1) @ self._masses() / raw.shape[1]
        ages = torch.arange(self.ages[0], self.ages[1] + 1, device=raw.device, dtype=p.dtype)
        age = raw[..., 0].mean(-1).clamp(*map(float, self.ages))
        if rule == "median":
            age = posterior_median(p, ages)
        tail = (1 - level) / 2
        low, high = quantile(p, ages, tail), quantile(p, ages, 1 - tail)
        return Estimate(age, torch.minimum(low, age), torch.maximum(high, age), p)

    def _masses(self) -> Tensor:
        """The mass of every leaf's Gaussian at every label age, (T L, K)."""
        first, last = self.ages
        edges = torch.arange(first + 1, last + 1, device=self.mean.device) - 0.5
        scale = (2 * self.variance.reshape(-1, 1)).sqrt()
        below = 0.5 * (1 + torch.erf((edges - self.mean.reshape(-1, 1)) / scale))
        none, all_ = torch.zeros_like(scale), torch.ones_like(scale)
        return torch.cat([below, all_], -1) - torch.cat([none, below], -1)
