"""How many years an ager adds, or takes: the figures of AgingGAN's report, and signed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agekit.bootstrap import mean_interval
from agekit_ager.model import Direction

__all__ = ["THRESHOLDS", "flips", "progression"]

THRESHOLDS = (10, 15, 20)
"""Years; the report counts the faces that change by so many or more."""


def progression(
    before: ArrayLike, after: ArrayLike, to: Direction, seed: int = 0
) -> dict[str, Any]:
    """How far estimated ages moved.

    The report's columns are made as its evaluator makes them: a face that moved the wrong way
    counts as one that did not move, so that `avg` is above the mean change. `shift` is the mean
    change itself, negative where faces became younger.

    Args:
        before: (N,) ages in years; NaN where no face was found.
        after: (N,) likewise, of the same faces aged.
        to: the way they were aged; for ``young`` the report's columns count years taken away.
        seed: of the bootstrap.

    Returns:
        ``n`` pairs with both ages, ``skipped`` the others; ``max``, ``avg`` in years and
        ``over_10``, ``over_15``, ``over_20`` in % of n; ``shift`` and its 95 % ``interval``,
        ``before`` and ``after``, the mean ages, in years. None where there is nothing to count.
    """
    old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
    found = np.isfinite(old) & np.isfinite(new)
    old, new = old[found], new[found]
    change = new - old
    moved = np.maximum(0.0, change if to == "old" else -change)
    return {
        "n": len(change),
        "skipped": int((~found).sum()),
        "max": float(moved.max()) if len(moved) else None,
        "avg": _mean(moved),
        **{f"over_{years}": _percent(moved >= years) for years in THRESHOLDS},
        "shift": _mean(change),
        "interval": mean_interval(change, seed),
        "before": _mean(old),
        "after": _mean(new),
    }


def flips(before: NDArray[np.int8], after: NDArray[np.int8]) -> float | None:
    """The faces whose estimated gender is another than before, in %.

    Args:
        before: (N,) 0 male, 1 female, -1 where no face was found.
        after: (N,) likewise.

    Returns:
        Of the pairs with both; None where there are none.
    """
    found = (before >= 0) & (after >= 0)
    return _percent((before != after)[found])


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _percent(which: NDArray[np.bool_]) -> float | None:
    return float(100 * which.mean()) if len(which) else None
