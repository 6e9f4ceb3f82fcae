"""The field's metrics of estimated against true ages: what they are called, and what they are.

A new one is a function, a line of `summary`, and a row of `METRICS`: every evaluation,
``metrics.json``, result file and leaderboard then has it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agekit.data.table import age_bins

__all__ = [
    "METRICS",
    "Metric",
    "bias",
    "ca",
    "coverage",
    "cs",
    "epsilon_error",
    "mae",
    "of_part",
    "per_age_bin",
    "summary",
]


class Metric(NamedTuple):
    """A metric and how it is shown.

    Args:
        name: in files and answers.
        title: for people.
        help: one line.
        decimals: how many are shown.
        percent: whether a share is shown in %.
        better: ``less`` or ``more``; "" where neither is.
        shown: whether it is in the short table.
    """

    name: str
    title: str
    help: str
    decimals: int = 2
    percent: bool = False
    better: str = ""
    shown: bool = True

    @property
    def heading(self) -> str:
        """The title, with its unit where that is %."""
        return f"{self.title}, %" if self.percent else self.title


_YEARS = (3, 5, 7)
METRICS = (
    Metric("mae", "MAE", "mean absolute error, years", better="less"),
    Metric("epsilon", "ε-error", "mean of 1 - exp(-(x - μ)² / 2σ²)", 3, better="less"),
    *(
        Metric(f"ca{n}", f"CA({n})", f"errors below {n} years", 1, True, "more", n == 5)
        for n in _YEARS
    ),
    *(
        Metric(f"cs{n}", f"CS@{n}", f"errors of at most {n} years", 1, True, "more", False)
        for n in _YEARS
    ),
    Metric("bias", "Bias", "mean signed error, years; above 0 faces are taken for older"),
    Metric("coverage", "Coverage", "true ages in their interval", 1, True),
    Metric("interval_width", "Width", "of the intervals, years", 1, shown=False),
)
"""All that `summary` gives, in the order of tables."""


def _errors(estimated: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(estimated, np.float64) - np.asarray(true, np.float64)


def mae(estimated: ArrayLike, true: ArrayLike) -> float:
    """Mean absolute error in years: CEN eq. 19."""
    return float(np.abs(_errors(estimated, true)).mean())


def bias(estimated: ArrayLike, true: ArrayLike) -> float:
    """Mean signed error in years; positive where faces are taken for older."""
    return float(_errors(estimated, true).mean())


def epsilon_error(estimated: ArrayLike, true: ArrayLike, sigma: ArrayLike) -> float:
    """Mean of ``1 - exp(-(x - mu)^2 / (2 sigma^2))``: CEN eq. 20, 0 (best) to 1.

    Args:
        estimated: estimated ages, (N,).
        true: mean apparent ages, (N,).
        sigma: standard deviations of the annotators' ages, (N,), years; 0 counts any error as 1.
    """
    squared = _errors(estimated, true) ** 2
    variance = 2 * np.asarray(sigma, np.float64) ** 2
    exponent = np.divide(
        squared, variance, out=np.where(squared > 0, np.inf, 0.0), where=variance > 0
    )
    return float((1 - np.exp(-exponent)).mean())


def ca(estimated: ArrayLike, true: ArrayLike, n: float) -> float:
    """Cumulative accuracy: the share of absolute errors smaller than `n` years, CEN eq. 21."""
    return float((np.abs(_errors(estimated, true)) < n).mean())


def cs(estimated: ArrayLike, true: ArrayLike, n: float) -> float:
    """Cumulative score CS@n: the share of absolute errors of at most `n` years."""
    return float((np.abs(_errors(estimated, true)) <= n).mean())


def coverage(low: ArrayLike, high: ArrayLike, true: ArrayLike) -> float:
    """The share of true ages that lie in their interval."""
    age = np.asarray(true, np.float64)
    return float(((np.asarray(low) <= age) & (age <= np.asarray(high))).mean())


def of_part(
    estimated: ArrayLike,
    true: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> dict[str, float | int]:
    """Count, MAE and bias of some of the faces; their coverage, where both ends are given."""
    out = {"n": np.size(true), "mae": mae(estimated, true), "bias": bias(estimated, true)}
    return out if low is None or high is None else out | {"coverage": coverage(low, high, true)}


def per_age_bin(
    estimated: ArrayLike,
    true: ArrayLike,
    width: int = 10,
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> list[dict[str, float | int | str]]:
    """As `of_part` of each bin of `width` years of true age that has a face, and its ``ages``."""
    given = [np.asarray(x) for x in (estimated, true, low, high) if x is not None]
    return [
        {"ages": ages, **of_part(*(x[rows] for x in given))}
        for ages, rows in age_bins(np.asarray(true, np.float64), width).items()
    ]


def summary(
    estimated: ArrayLike,
    true: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> dict[str, float]:
    """All scalar metrics of one set of faces; ε-error only over faces with a sigma."""
    out = {"mae": mae(estimated, true), "bias": bias(estimated, true)}
    out |= {f"ca{n}": ca(estimated, true, n) for n in _YEARS}
    out |= {f"cs{n}": cs(estimated, true, n) for n in _YEARS}
    if sigma is not None:
        known = np.isfinite(np.asarray(sigma, np.float64))
        if known.any():
            out["epsilon"] = epsilon_error(
                np.asarray(estimated)[known], np.asarray(true)[known], np.asarray(sigma)[known]
            )
    if low is not None and high is not None:
        out["coverage"] = coverage(low, high, true)
        out["interval_width"] = float((np.asarray(high) - np.asarray(low)).mean())
    return out
