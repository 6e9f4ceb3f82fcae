"""Estimates: what raw outputs decode to, how heads are combined, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Estimate", "combine", "expectation", "posterior_median", "quantile"]


@dataclass(frozen=True)
class Estimate:
    """Ages decoded from raw outputs.

    Attributes:
        age: estimated ages in years, (N,).
        low: lower ends of the central interval in years, (N,).
        high: upper ends, (N,).
        distribution: probabilities over the label ages, (N, K), or None.
    """

    age: Tensor
    low: Tensor
    high: Tensor
    distribution: Tensor | None = None

    def widen(self, correction: float, ages: tuple[int, int]) -> Estimate:
        """Moves both ends out by `correction` years, within the label ages.

        The correction is that of conformalised quantile regression (Romano et al., 2019, eq. 7):
        it makes the interval cover the asked share of held-out faces. A negative one narrows.
        """
        low = torch.minimum(self.low - correction, self.age).clamp(*map(float, ages))
        high = torch.maximum(self.high + correction, self.age).clamp(*map(float, ages))
        return Estimate(self.age, low, high, self.distribution)


def expectation(p: Tensor, ages: Tensor) -> Tensor:
    """The mean age of each distribution: CEN eq. 16, ``sum_i p_i l_i``.

    Args:
        p: probabilities, (N, K).
        ages: label ages in years, (K,).
    """
    return (p * ages).sum(-1)


def quantile(p: Tensor, ages: Tensor, q: float) -> Tensor:
    """The age below which a share `q` of each distribution lies, (N,), in years.

    Each label age a holds its mass evenly over [a - 1/2, a + 1/2]; the cumulative distribution is
    linear between, so the quantile is continuous in `p`.

    Args:
        p: probabilities, (N, K).
        ages: label ages in years, one year apart, (K,).
        q: the share, 0 to 1.
    """
    cumulative = p.cumsum(-1)
    index = (cumulative < q).sum(-1, keepdim=True).clamp(max=p.shape[-1] - 1)
    upto = cumulative.gather(-1, index)
    mass = p.gather(-1, index).clamp(min=torch.finfo(p.dtype).tiny)
    part = ((q - (upto - mass)) / mass).clamp(0, 1)
    return (ages[index] - 0.5 + part).squeeze(-1)


def posterior_median(p: Tensor, ages: Tensor) -> Tensor:
    """The median of each distribution, (N,): the estimate that is best for the absolute error."""
    return quantile(p, ages, 0.5)


def combine(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of several heads' estimates: CEN eq. 18, ``(y_ldl + y_reg) / 2``.

    The interval and the distribution are the mean of those of the heads that have a distribution
    (of all heads where none has), stretched where needed to hold the age.
    """
    age = torch.stack([e.age for e in estimates]).mean(0)
    with_p = [e for e in estimates if e.distribution is not None]
    used = with_p or list(estimates)
    distributions = [e.distribution for e in with_p if e.distribution is not None]
    low = torch.stack([e.low for e in used]).mean(0)
    high = torch.stack([e.high for e in used]).mean(0)
    return Estimate(
        age,
        torch.minimum(low, age),
        torch.maximum(high, age),
        torch.stack(distributions).mean(0) if distributions else None,
    )
