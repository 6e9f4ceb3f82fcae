"""Ranks that ties share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agekit.bench.statistics.intervals import interval_of

__all__ = ["ranks"]


def ranks(errors: ArrayLike, samples: NDArray[np.float64]) -> list[int]:
    """The rank of each row, 1 the best.

    The row of the least error and every row whose paired interval against it includes 0 share
    rank 1. The best of the others leads the next group, whose rank counts all before it: 1, 1, 3.

    Args:
        errors: (R,) mean errors; less is better.
        samples: (B, R) their means over shared bootstrap samples.
    """
    left = [int(row) for row in np.argsort(np.asarray(errors, np.float64), kind="stable")]
    out = [0] * len(left)
    while left:
        leader, rank = left[0], len(out) - len(left) + 1
        tied = [
            row
            for row in left
            if row == leader or interval_of(samples[:, row] - samples[:, leader]).holds(0.0)
        ]
        for row in tied:
            out[row] = rank
        left = [row for row in left if row not in tied]
    return out
