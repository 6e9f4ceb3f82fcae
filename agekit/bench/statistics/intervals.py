"""How sure a figure is: spread over seeds, the paired bootstrap over faces, intervals of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LEVEL",
    "RESAMPLES",
    "Interval",
    "Share",
    "Spread",
    "effective_size",
    "interval_of",
    "resampled_means",
    "share_of",
    "spread",
    "wilson",
]

LEVEL = 0.95
RESAMPLES = 2_000
_Z = 1.959963984540054
_COUNTS_AT_ONCE = 200_000


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
        """Whether `value` is in it, its ends included."""
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


def wilson(share: float, n: float) -> Interval:
    """The 95 % score interval of a share (Wilson, 1927).

    Args:
        share: 0 to 1; a mean over seeds need not be a whole number of `n`-ths.
        n: faces it is a share of, or what they are worth (`effective_size`); above 0.
    """
    z2 = _Z * _Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(0.0 if share == 0 else low, 1.0 if share == 1 else high)


def effective_size(which: NDArray[Any], clusters: NDArray[Any]) -> float:
    """How many independent faces the faces of a share are worth: N over the design effect.

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
    """The share of faces of which something holds, with a Wilson interval of the effective size.

    Args:
        which: (N,) True, False or, over seeds, how often.
        clusters: (N,) equal where faces belong together.
    """
    if not which.size:
        return Share(None, 0, None, None)
    value = float(which.mean())
    interval = wilson(value, effective_size(which, clusters))
    return Share(value, which.size, interval.low, interval.high)


def resampled_means(
    values: ArrayLike,
    clusters: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The rows' means over bootstrap samples of faces, the same samples for every row.

    Whole clusters are drawn with replacement, as many as there are (Field and Welsh, 2007), so the
    pictures of one person come and go together. Since the samples are shared, the difference of two
    columns is the paired bootstrap of that difference.

    Args:
        values: (R, N), of R rows on the same N faces.
        clusters: (N,) equal where faces belong together.
        resamples: how many samples B.
        seed: of the draws.

    Returns:
        (B, R).
    """
    table = np.atleast_2d(np.asarray(values, np.float64))
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    many = int(codes.max()) + 1
    columns = [*table, np.ones(table.shape[1])]
    totals = np.stack([np.bincount(codes, weights=c, minlength=many) for c in columns], axis=1)
    random = np.random.default_rng(seed)
    out = np.empty((resamples, len(table)))
    step = max(1, _COUNTS_AT_ONCE // many)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = random.integers(0, many, (size, many), dtype=np.int64)
        drawn += np.arange(size)[:, None] * many
        counts = np.bincount(drawn.ravel(), minlength=size * many).reshape(size, many)
        sums = np.einsum("bc,cr->br", counts.astype(np.float64), totals)
        out[start : start + size] = sums[:, :-1] / sums[:, -1:]
    return out


def interval_of(samples: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """The percentile interval of bootstrap samples, (B,)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
