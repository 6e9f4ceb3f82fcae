"""Statistics of a distribution over the label ages: age, interval, mean and variance."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.plugin import Estimate, Target, expectation, posterior_median, quantile

__all__ = ["estimate_of", "log_gaussian", "logits_of", "moments"]


def estimate_of(p: Tensor, ages: tuple[int, int], rule: str, level: float) -> Estimate:
    """The age and the central interval of each distribution.

    Args:
        p: probabilities over the label ages, (N, K).
        ages: the first and the last label age, years.
        rule: ``expectation`` (DEX; CEN eq. 16) or ``median``.
        level: the share that the interval holds, 0 to 1.
    """
    labels = torch.arange(ages[0], ages[1] + 1, device=p.device, dtype=p.dtype)
    age = posterior_median(p, labels) if rule == "median" else expectation(p, labels)
    tail = (1 - level) / 2
    low, high = quantile(p, labels, tail), quantile(p, labels, 1 - tail)
    return Estimate(age, torch.minimum(low, age), torch.maximum(high, age), p)


def logits_of(raw: Tensor, target: Target) -> Tensor:
    """A head's raw output as float32 logits over the label ages, (N, K).

    Raises:
        ValueError: it is not that: the head is another.
    """
    labels = target.ages[1] - target.ages[0] + 1
    if raw.ndim != 2 or raw.shape[1] != labels:
        raise ValueError(f"it needs logits over {labels} label ages, of shape (N, {labels})")
    return raw.float()


def moments(raw: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """The mean ``m = sum p_k a_k`` in years and the variance ``sum p_k (a_k - m)^2``, (N,) each.

    Args:
        raw: logits over the label ages, (N, K); of any precision, the moments are float32.
        target: of the same batch; gives the label ages.
    """
    p = torch.softmax(logits_of(raw, target), -1)
    mean = expectation(p, target.labels)
    return mean, (p * (target.labels - mean[:, None]) ** 2).sum(-1)


def log_gaussian(target: Target, sigma: float | Tensor) -> Tensor:
    """``ln t`` of ``t_k = exp(-(a_k - y)^2 / 2 sigma^2)``, normalised over the label ages, (N, K).

    Args:
        target: the true ages y.
        sigma: the standard deviation in years, for all faces or (N,) one each.
    """
    distance = target.labels - target.age[:, None]
    if isinstance(sigma, Tensor):
        sigma = sigma[:, None]
    return torch.log_softmax(-0.5 * (distance / sigma) ** 2, -1)
