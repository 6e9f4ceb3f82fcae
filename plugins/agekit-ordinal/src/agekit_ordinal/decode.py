"""From "how likely is this face older than r_j?" to an age, a distribution and an interval."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agekit.plugin import Estimate, quantile

__all__ = ["decode", "distribution"]


def distribution(exceeds: Tensor) -> Tensor:
    """The distribution over the ranks r_1..r_K whose exceedance probabilities these are.

    ``P(y = r_k) = q_{k-1} - q_k`` with ``q_0 = 1`` and ``q_K = 0``. Binary tasks learnt apart may
    contradict each other, so q is `exceeds` in descending order: the rearrangement of
    Chernozhukov et al. (2010), which is never further from the truth than what it rearranges,
    changes nothing where there is no contradiction, and keeps ``sum_j p_j`` and every count
    ``#{p_j > c}``.

    Args:
        exceeds: p(y > r_j) of the tasks j = 1..K-1, (N, K-1), 0 to 1.

    Returns:
        Probabilities, (N, K), none below 0, each row of sum 1.
    """
    q = exceeds.sort(-1, descending=True).values
    return F.pad(q, (1, 0), value=1.0) - F.pad(q, (0, 1), value=0.0)


def decode(exceeds: Tensor, ages: tuple[int, int], rule: str, level: float) -> Estimate:
    """Ages from the binary tasks.

    ``median`` is the papers' rule, a whole number of years: ``r_1 + sum_j 1[p_j > 1/2]`` (Niu et
    al., 2016). ``expectation`` is its soft form, ``r_1 + sum_j p_j``. They are the median
    and the mean of `distribution`.

    Args:
        exceeds: p(y > r_j) of the tasks, (N, K-1).
        ages: the first and the last label age, years.
        rule: ``median`` or ``expectation``.
        level: the share that the central interval of the distribution holds, 0 to 1.
    """
    p = distribution(exceeds)
    labels = torch.arange(ages[0], ages[1] + 1, device=p.device, dtype=p.dtype)
    steps = (exceeds > 0.5).to(p.dtype) if rule == "median" else exceeds
    age = ages[0] + steps.sum(-1)
    tail = (1 - level) / 2
    low, high = quantile(p, labels, tail), quantile(p, labels, 1 - tail)
    return Estimate(age, torch.minimum(low, age), torch.maximum(high, age), p)
