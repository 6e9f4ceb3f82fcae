"""Metrics of gender classifiers: accuracy, over all and by age."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GENDERS", "scores"]

GENDERS = ("male", "female")
"""By the codes of a face table."""
_BIN = 10


def scores(female: NDArray[Any], gender: NDArray[np.int8], age: NDArray[Any]) -> dict[str, Any]:
    """The figures of N faces.

    Args:
        female: (N,) the probability of each being a woman's.
        gender: (N,) codes of `GENDERS`.
        age: (N,) years.

    Returns:
        ``n``, ``accuracy``, ``balanced_accuracy`` (the mean over the genders there are), ``error``
        (1 less that), ``recall`` by gender, and ``by_age``, accuracies by tens of years.
    """
    right = (female >= 0.5) == (gender == 1)
    recall = {
        name: float(right[gender == code].mean())
        for code, name in enumerate(GENDERS)
        if (gender == code).any()
    }
    balanced = float(np.mean(list(recall.values())))
    bins = np.floor(age / _BIN).astype(np.int64)
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "balanced_accuracy": balanced,
        "error": 1 - balanced,
        "recall": recall,
        "by_age": [
            {
                "ages": f"{low * _BIN}-{low * _BIN + _BIN - 1}",
                "n": int((bins == low).sum()),
                "accuracy": float(right[bins == low].mean()),
            }
            for low in np.unique(bins).tolist()
        ],
    }
