"""Ranks that ties share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agekit.bench.statistics.intervals import interval_of

__all__ = ["ranks"]


def ranks(errors: ArrayLike, samples: NDArray[np.float64]) -> list[int]:
    """The rank of each row, 1 the best.

    The row of the least error leads rank 1, and rows share it in the order of their errors, up to
    the first whose paired interval against the leader does not include 0: that one leads the next
    group, whose rank counts all before it: 1, 1, 3.

    Args:
        errors: (R,) mean errors; less is better.
        samples: (B, R) their means over shared bootstrap samples.
    """
    order = [int(row) for row in np.argsort(np.asarray(errors, np.float64), kind="stable")]
    out, leader = [0] * len(order), -1
    for place, row in enumerate(order):
        if leader < 0 or not interval_of(samples[:, row] - samples[:, leader]).holds(0.0):
            leader, rank = row, place + 1
        out[row] = rank
    return out
