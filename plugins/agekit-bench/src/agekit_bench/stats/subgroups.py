"""Scores of a row on parts of the faces: by age, gender and group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agekit_bench.predictions import Numbers, Scored, parts_by
from agekit_bench.stats.comparison import Comparison
from agekit_bench.stats.intervals import Share, share_of

__all__ = [
    "CHECKS",
    "NEAR",
    "Check",
    "CheckScore",
    "Part",
    "PartScore",
    "check_scores",
    "part_scores",
    "parts_of",
]


_OLDEST = 80


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the faces.

    Attributes:
        kind: ``age``, ``gender`` or ``group``; ``all`` of all faces.
        name: such as ``20-29`` or ``female``.
        mask: (N,) which.
    """

    kind: str
    name: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PartScore:
    """A row on a part.

    Attributes:
        kind: of the part.
        name: of the part.
        n: faces.
        mae: mean absolute error, years.
        bias: mean signed error, years; positive where faces are taken for older.
        coverage: the share whose interval holds their true age.
        width: the mean width of the intervals, years.
    """

    kind: str
    name: str
    n: int
    mae: float
    bias: float
    coverage: Share
    width: float


@dataclass(frozen=True, slots=True)
class Check:
    """A test of age: who looks `threshold` or over passes unasked.

    NIST's age-estimation track reports it so; challenge-25 for a limit of 18 is the best known.

    Attributes:
        limit: the age that has to be reached, years.
        threshold: the estimated age from which nobody is asked, years.
    """

    limit: int
    threshold: int


@dataclass(frozen=True, slots=True)
class CheckScore:
    """A row's score in a check, on a part of the faces.

    Attributes:
        check: which.
        kind: of the part.
        name: of the part.
        passed: the share of faces below the limit that pass: the false-positive rate.
        near: the same of those at most `NEAR` years below it, the hard ones.
        asked: the share of faces of the limit or over that do not pass.
    """

    check: Check
    kind: str
    name: str
    passed: Share
    near: Share
    asked: Share


CHECKS = (Check(13, 16), Check(18, 18), Check(18, 21), Check(18, 25), Check(18, 30), Check(21, 25))
NEAR = 5


def parts_of(faces: Scored) -> list[Part]:
    """All faces, then those of each ten years of age, each gender and each group."""
    out = [Part("all", "all", np.ones(len(faces), np.bool_))]
    ages = np.minimum(faces.age, _OLDEST)
    for kind, parts in parts_by(ages, faces.gender, faces.group).items():
        for name, index in parts.items():
            mask = np.zeros(len(faces), np.bool_)
            mask[index] = True
            oldest = kind == "age" and (ages[index] == _OLDEST).any()
            out.append(Part(kind, f"{_OLDEST}+" if oldest else name, mask))
    return out


def part_scores(comparison: Comparison, row: int, parts: list[Part]) -> list[PartScore]:
    """A row on each of the parts.

    Args:
        comparison: of rows.
        row: which.
        parts: of its faces, see `parts_of`.
    """
    return [
        PartScore(
            part.kind,
            part.name,
            int(part.mask.sum()),
            float(comparison.errors[row][part.mask].mean()),
            float(comparison.biases[row][part.mask].mean()),
            share_of(comparison.covered[row][:, part.mask], comparison.clusters[part.mask]),
            float(comparison.widths[row][part.mask].mean()),
        )
        for part in parts
    ]


def check_scores(
    comparison: Comparison, row: int, parts: list[Part], checks: tuple[Check, ...] = CHECKS
) -> list[CheckScore]:
    """A row in each check, on all faces, each gender and each group.

    Args:
        comparison: of rows.
        row: which.
        parts: see `parts_of`; those by age are passed over.
        checks: which.

    Returns:
        Nothing for a check below whose limit there is no face.
    """
    age, clusters = comparison.faces.age, comparison.clusters
    out = []

    def share(which: Numbers, mask: NDArray[np.bool_]) -> Share:
        return share_of(which[:, mask], clusters[mask])

    for check in checks:
        below = age < check.limit
        if not below.any():
            continue
        passes = (comparison.estimates[row] >= check.threshold).astype(np.float64)
        for part in parts:
            if part.kind != "age":
                near = below & (age >= check.limit - NEAR)
                out.append(
                    CheckScore(
                        check,
                        part.kind,
                        part.name,
                        share(passes, part.mask & below),
                        share(passes, part.mask & near),
                        share(1 - passes, part.mask & ~below),
                    )
                )
    return out
