"""Kernel distances between two sets of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agekit.bootstrap import central

__all__ = ["FEWEST", "Kid", "kid", "mmd2"]

SUBSETS = 100
LARGEST = 1000
FEWEST = 10


@dataclass(frozen=True)
class Kid:
    """A kernel distance.

    Attributes:
        value: near 0, and as often below as above it, where both sets are of one kind.
        interval: the ends of its central 95 %.
        n: how many features each set has.
        subset: how many of each set a subset has.
    """

    value: float
    interval: tuple[float, float]
    n: tuple[int, int]
    subset: tuple[int, int]


def mmd2(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """The unbiased squared maximum mean discrepancy (Gretton et al., 2012, eq. 3).

    The kernel is that of KID (Binkowski et al., 2018): ``(x . y / F + 1) ** 3``.

    Args:
        x: (M, F), M at least 2.
        y: (N, F), N at least 2.
    """
    a, b = x.astype(np.float64), y.astype(np.float64)
    return _within(a) + _within(b) - 2 * float(_kernel(a, b).mean())


def kid(x: NDArray[np.floating], y: NDArray[np.floating], seed: int = 0) -> Kid | None:
    """The kernel distance of two sets in a feature space, as the mean over random subsets.

    A subset has half of each set, or the same smaller share of both where that would be more than
    1,000, drawn without replacement: with repeats the estimate would not be unbiased. The spread
    of a mean over a share f of a sample, around that over all of it, is sqrt((1 - f) / f) times
    the spread of the latter around the truth; the interval is scaled by its inverse, 1 for halves.

    Args:
        x: (M, F).
        y: (N, F).
        seed: of the subsets.

    Returns:
        None where a set has fewer than ten features.
    """
    sets = (x.astype(np.float64), y.astype(np.float64))
    n = (len(x), len(y))
    if min(n) < FEWEST:
        return None
    share = min(0.5, LARGEST / max(n))
    subset = (max(2, round(n[0] * share)), max(2, round(n[1] * share)))
    random = np.random.default_rng(seed)

    def draw() -> float:
        parts = [
            features[random.choice(len(features), size, replace=False)]
            for features, size in zip(sets, subset, strict=True)
        ]
        return mmd2(*parts)

    values = np.array([draw() for _ in range(SUBSETS)])
    mean = float(values.mean())
    ends = np.asarray(central(values)) - mean
    low, high = mean + ends * np.sqrt(share / (1 - share))
    return Kid(mean, (float(low), float(high)), n, subset)


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    base: NDArray[np.float64] = x @ y.T / x.shape[1] + 1
    return base * base * base


def _within(x: NDArray[np.float64]) -> float:
    """The mean kernel of two different features."""
    k = _kernel(x, x)
    return float((k.sum() - np.trace(k)) / (len(x) * (len(x) - 1)))
