"""Whether the figures of parts of the faces are those of the per-face estimates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from agekit.data.table import MAX_AGE
from agekit.tasks.estimator.metrics import bias, coverage, cs, mae
from agekit_bench.results.result import Evaluation
from agekit_bench.results.scored import Scored

__all__ = ["part_reasons"]

_BIN = 10
_YEARS = 2e-3
_ROUNDING = 1e-3
"""How far from the edge of an interval, in years, an age may count as inside or outside."""
_LONGEST = 40

Range = tuple[float, float]


def part_reasons(scored: Scored, evaluation: Evaluation) -> Iterator[str]:
    """Where ``by`` is not what `agekit_bench.running.scoring.parts_of` makes of the estimates.

    An evaluation may leave out a kind of parts, but no part of a kind that it has. Nothing is said
    of faces without a possible age.

    Args:
        scored: the faces.
        evaluation: what is told of them.
    """
    if not ((scored.age >= 0) & (scored.age <= MAX_AGE)).all():
        return
    kinds = _masks(scored)
    for kind, told in evaluation.by.items():
        if kind not in kinds:
            yield f"by.{kind[:_LONGEST]}: there are parts by {', '.join(kinds)} alone"
            continue
        for name, figures in told.items():
            where = f"by.{kind}.{name[:_LONGEST]}"
            if name in kinds[kind]:
                yield from _differing(where, figures, _ranges(scored.take(kinds[kind][name])))
            else:
                yield f"{where}: there is no such face"
        for name in kinds[kind]:
            if name not in told:
                yield f"by.{kind}: the part {name} is missing"


def _masks(scored: Scored) -> dict[str, dict[str, NDArray[np.int64]]]:
    """The indices of the faces of each part, by its kind and name."""
    decades = np.floor(scored.age.astype(np.float32) / np.float32(_BIN)).astype(np.int64)
    kinds: dict[str, dict[str, NDArray[np.int64]]] = {
        "age": {
            f"{decade * _BIN}-{decade * _BIN + _BIN - 1}": np.flatnonzero(decades == decade)
            for decade in np.unique(decades).tolist()
        }
    }
    for kind in ("gender", "group"):
        column = getattr(scored, kind)
        kinds[kind] = {
            name: np.flatnonzero(column == name) for name in np.unique(column).tolist() if name
        }
    return kinds


def _ranges(part: Scored) -> dict[str, Range]:
    """The least and the most that each figure of a part may be told as."""
    near = _ROUNDING
    return {
        "n": (len(part), len(part)),
        "mae": _around(mae(part.estimate, part.age)),
        "bias": _around(bias(part.estimate, part.age)),
        "cs5": (
            cs(part.estimate, part.age, 5 - near) - near,
            cs(part.estimate, part.age, 5 + near) + near,
        ),
        "coverage": (
            coverage(part.low + near, part.high - near, part.age) - near,
            coverage(part.low - near, part.high + near, part.age) + near,
        ),
    }


def _around(years: float) -> Range:
    return years - _YEARS, years + _YEARS


def _differing(where: str, told: Mapping[str, float], ranges: Mapping[str, Range]) -> Iterator[str]:
    for name, value in told.items():
        if name not in ranges:
            yield f"{where}.{name[:_LONGEST]}: it cannot be computed from the predictions"
        elif not ranges[name][0] <= value <= ranges[name][1]:
            middle = sum(ranges[name]) / 2
            yield f"{where}.{name} is {value:.4f}, by the predictions {middle:.4f}"
