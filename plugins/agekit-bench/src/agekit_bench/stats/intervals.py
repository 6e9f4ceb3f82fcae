"""Uncertainty of figures: spread over seeds, intervals over faces and trainings, and of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]

from agekit.bootstrap import LEVEL, central, wilson

__all__ = [
    "Interval",
    "Share",
    "Spread",
    "effective_size",
    "interval_of",
    "share_of",
    "spread",
    "with_trainings",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of values.

    Attributes:
        low: its lower end.
        high: its upper end.
    """

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """True if `value` is in it, its ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the seeds of a row.

    Attributes:
        mean: over the seeds.
        std: the sample's standard deviation (n - 1); None of one seed.
        n: how many seeds.
    """

    mean: float
    std: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Share:
    """A share of faces.

    Attributes:
        value: 0 to 1; None where there is no face.
        n: how many faces.
        low: the lower end of its 95 % interval.
        high: the upper end.
    """

    value: float | None
    n: int
    low: float | None
    high: float | None


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation over seeds; `values` has at least one."""
    array = np.asarray(values, np.float64)
    return Spread(
        float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else None, len(array)
    )


def effective_size(which: NDArray[Any], clusters: NDArray[Any]) -> float:
    """The number of independent faces that a share's are worth: N over the design effect.

    The effect is the linearised variance over clusters by that of a simple sample (Kish, 1965),
    no less than 1. A share of none or all says nothing of it: each cluster then counts once.

    Args:
        which: (N,) True, False or, over seeds, how often; N at least 1.
        clusters: (N,) equal where faces belong together.
    """
    _, codes = np.unique(clusters, return_inverse=True)
    n, many, share = which.size, int(codes.max()) + 1, float(which.mean())
    if many in (1, n) or share in (0.0, 1.0):
        return float(many)
    totals = np.bincount(codes, weights=which - share)
    effect = many / (many - 1) * float(totals @ totals) / (n * share * (1 - share))
    return n / max(1.0, effect)


def share_of(which: NDArray[Any], clusters: NDArray[Any]) -> Share:
    """The share of faces of which something holds, over faces and trainings.

    Args:
        which: (S, N) True or False, of each training; or (N,) of one.
        clusters: (N,) equal where faces belong together. Over faces the interval is Wilson's, of
            the effective size.
    """
    if not which.size:
        return Share(None, 0, None, None)
    table = np.atleast_2d(which)
    often: NDArray[np.float64] = table.mean(axis=0)
    value = float(often.mean())
    faces = Interval(*wilson(value, effective_size(often, clusters)))
    interval = with_trainings(value, faces, table.mean(axis=1))
    return Share(value, often.size, max(0.0, interval.low), min(1.0, interval.high))


def interval_of(samples: NDArray[np.float64]) -> Interval:
    """The percentile interval of bootstrap samples, (B,)."""
    return Interval(*central(samples))


def with_trainings(value: float, faces: Interval, *trainings: ArrayLike) -> Interval:
    """The 95 % interval of a mean over faces and trainings.

    A mixed model: the method is fixed, faces and trainings are random, and crossed, since every
    training scores the same faces. The faces are many and their part of the interval is a
    bootstrap's. The trainings are few: two of them, drawn with replacement, show half of their
    variance, in three values. Their part is Student's interval. Both add up as the squares of
    their distances from the mean (MOVER; Zou and Donner, 2008), which holds the truth no less
    often than each part does (Banerjee, 1960): unlike Satterthwaite's degrees of freedom, it is
    not narrowed where two trainings happen to agree. `benchmarks/coverage.py` prints how often.

    Args:
        value: the mean.
        faces: its interval over faces, trainings averaged.
        *trainings: (S,) the terms of `value`, each a mean over S independent trainings; a term of
            fewer than two is passed over, for how much its trainings differ is not known.
    """
    squares = 0.0
    for term in map(np.asarray, trainings):
        if (n := term.size) > 1:
            quantile = float(stdtrit(n - 1, (1 + LEVEL) / 2))
            squares += quantile**2 * float(term.var(ddof=1)) / n
    if not squares:
        return faces
    low = math.sqrt((value - faces.low) ** 2 + squares)
    high = math.sqrt((faces.high - value) ** 2 + squares)
    return Interval(value - low, value + high)
