"""Confidence intervals: the bootstrap, over faces or groups of them; Wilson's, of shares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LEVEL", "RESAMPLES", "central", "mean_interval", "resampled_means", "wilson"]

LEVEL = 0.95
RESAMPLES = 10_000
_COUNTS_AT_ONCE = 200_000
_Z = 1.959963984540054


def mean_interval(values: ArrayLike, seed: int) -> tuple[float, float] | None:
    """The percentile bootstrap interval of a mean (Efron, 1979).

    Args:
        values: (N,).
        seed: of the resampling.

    Returns:
        The ends of the central 95 %; None for fewer than two values.
    """
    x = np.asarray(values, np.float64)
    return central(resampled_means(x, seed=seed)[:, 0]) if len(x) > 1 else None


def resampled_means(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The rows' means over bootstrap samples of faces, the same samples for every row.

    Whole clusters are drawn with replacement, as many as there are (Field and Welsh, 2007), so the
    pictures of one person come and go together. Since the samples are shared, the difference of two
    columns is the paired bootstrap of that difference.

    Args:
        values: (R, N), of R rows on the same N faces, N at least 1; or (N,) of one.
        clusters: (N,) equal where faces belong together; None where each is its own.
        resamples: number of samples B.
        seed: of the draws.

    Returns:
        (B, R).
    """
    table = np.atleast_2d(np.asarray(values, np.float64))
    codes = np.arange(table.shape[1])
    if clusters is not None:
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


def central(samples: NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """The ends of the central part of samples, (B,): the percentile interval."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(share: float, n: float) -> tuple[float, float]:
    """The ends of the 95 % score interval of a share (Wilson, 1927).

    Args:
        share: 0 to 1; a mean over seeds need not be a whole number of `n`-ths.
        n: faces it is a share of, or what they are worth; above 0.
    """
    z2 = _Z * _Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return 0.0 if share == 0 else low, 1.0 if share == 1 else high
