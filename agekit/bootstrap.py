"""Bootstrap intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LEVEL", "mean_interval"]

LEVEL = 0.95
RESAMPLES = 10_000
_CHUNK = 4_000_000


def mean_interval(values: ArrayLike, seed: int) -> tuple[float, float] | None:
    """The percentile bootstrap interval of a mean (Efron, 1979).

    Args:
        values: (N,).
        seed: of the resampling.

    Returns:
        The ends of the central 95 %; None for fewer than two values.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n < 2:
        return None
    random = np.random.default_rng(seed)
    rows = max(1, _CHUNK // n)
    counts = [min(rows, RESAMPLES - done) for done in range(0, RESAMPLES, rows)]
    means = np.concatenate([x[random.integers(n, size=(k, n))].mean(1) for k in counts])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
