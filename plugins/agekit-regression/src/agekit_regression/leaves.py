"""The fit of a regression forest's leaves: k-means to start, then variational bounding."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.plugin import mean_over_processes

__all__ = ["first_leaves", "fit_leaves"]

TINY = torch.finfo(torch.float32).tiny
EMPTY = 1e-6
"""Faces; a leaf that holds fewer stays as it is."""


def first_leaves(age: Tensor, leaves: int, min_sigma: float) -> tuple[Tensor, Tensor]:
    """The clusters of the training ages, youngest first, by k-means.

    The centres start at the ages' quantiles, so the outcome depends on the ages alone.

    Args:
        age: true ages of the training faces, years, (R,).
        leaves: L; where there are fewer different ages, clusters without a face stay where they
            started, and have no spread.
        min_sigma: added to each spread, years.

    Returns:
        means in years and variances in years squared, (L,) each, float32.
    """
    age = age.double().cpu()
    share = (torch.arange(leaves, dtype=torch.float64) + 0.5) / leaves
    centre = torch.quantile(age, share)
    values, counts = torch.unique(age, return_counts=True)
    weight = counts.double()
    nearest = torch.zeros_like(values, dtype=torch.int64)
    for _ in range(100):
        before, nearest = nearest, (values[:, None] - centre).abs().argmin(-1)
        if torch.equal(before, nearest):
            break
        centre = _group_mean(values, weight, nearest, otherwise=centre)
    spread = _group_mean((values - centre[nearest]) ** 2, weight, nearest, torch.zeros_like(centre))
    order = centre.argsort(stable=True)
    return centre[order].float(), (spread[order] + min_sigma**2).float()


def _group_mean(values: Tensor, weight: Tensor, group: Tensor, otherwise: Tensor) -> Tensor:
    """The weighted mean of each group, (L,); `otherwise` of a group without a member."""
    total = torch.zeros_like(otherwise).index_add_(0, group, weight)
    summed = torch.zeros_like(otherwise).index_add_(0, group, weight * values)
    return torch.where(total > 0, summed / total.clamp(min=1), otherwise)


@torch.no_grad()
def fit_leaves(
    mean: Tensor,
    variance: Tensor,
    reached: Tensor,
    age: Tensor,
    *,
    iterations: int,
    min_sigma: float,
) -> tuple[Tensor, Tensor]:
    """Fits the leaves' Gaussians to faces, the routing held fixed: arXiv 1712.07195, section 3.3.

    ``zeta_l = P(l|x) N(y; mu_l, var_l) / p(y|x)``, then ``mu_l = sum zeta_l y / sum zeta_l`` and
    ``var_l = sum zeta_l (y - mu_l)^2 / sum zeta_l``, sums over the faces, again and again. With
    several processes the sums are over the faces of all, and all get the same leaves.

    Args:
        mean: mu in years, (T, L).
        variance: var in years squared, (T, L).
        reached: P(l|x), (R, T, L), this process's share of the faces.
        age: y in years, (R,).
        iterations: how often.
        min_sigma: its square is added to each variance, so that no leaf closes on one age.

    Returns:
        the new means and variances.
    """
    log_reached = reached.clamp(min=TINY).log()
    y = age[:, None, None]
    for _ in range(iterations):
        log_density = -0.5 * (variance.log() + (y - mean) ** 2 / variance)
        zeta = torch.softmax(log_reached + log_density, -1)
        total, of_age = mean_over_processes(torch.stack([zeta.sum(0), (zeta * y).sum(0)]))
        held = total > EMPTY
        total = total.clamp(min=EMPTY)
        mean = torch.where(held, of_age / total, mean)
        squares = mean_over_processes((zeta * (y - mean) ** 2).sum(0))
        variance = torch.where(held, squares / total + min_sigma**2, variance)
    return mean, variance
