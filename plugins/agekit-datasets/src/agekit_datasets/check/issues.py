"""The issues of a split dataset, one kind at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import SPLITS, Faces, as_strings
from agekit_datasets.check.near_duplicates import MOST, near_duplicate_groups

__all__ = ["Issue", "find_issues", "groups_of"]

Severity = Literal["error", "warning"]
Rows = NDArray[np.int64]

_EXAMPLES = 5
_TOLD = {
    "cells": "rows of more cells than there are columns: left out",
    "age": "rows without a usable age: left out",
    "duplicate": "rows or files met twice: the first one counts",
    "crop": "photos without their crop: used whole",
    "gender": "unreadable genders: taken as unknown",
    "group": "unreadable groups: taken as unknown",
    "label": "labels that contradict the file's name: the table's count",
    "missing": "rows whose file is not there: left out",
    "name": "malformed or foreign file names",
    "path": "rows that name no file: left out",
    "sigma": "unusable standard deviations: taken as unknown",
    "split": "unreadable splits: taken as none",
}


@dataclass(frozen=True)
class Issue:
    """One kind of problem of a dataset.

    Attributes:
        kind: its short name.
        severity: ``error`` where it breaks training or its result, else ``warning``.
        count: how often it is there.
        what: what it is, in one line.
        examples: the first few.
    """

    kind: str
    severity: Severity
    count: int
    what: str
    examples: tuple[str, ...] = ()


def find_issues(
    faces: Faces, broken: Mapping[int, str], thumbnails: NDArray[np.uint8] | None = None
) -> tuple[Issue, ...]:
    """Everything that is wrong, the errors first.

    Errors are: no row to train on (unless all rows are for the test), all training faces of one
    age, a split whose images all fail to decode, identical images both in train and in test, and
    people in more than one split of a protocol that promises otherwise. Anything else is a
    warning.

    Args:
        faces: the dataset, read and split.
        broken: row → why its image cannot be decoded.
        thumbnails: (N, S, S, 3) small copies, to find pictures that are nearly the same.
    """
    issues = [
        *_told(faces),
        *_unreadable(faces, broken),
        *_empty_splits(faces, broken),
        *_identical(faces),
        *_nearly_identical(faces, thumbnails),
        *_straddling(faces),
        *_leaking(faces),
    ]
    return tuple(sorted(issues, key=lambda f: (f.severity, f.kind)))


def groups_of(keys: NDArray[Any], least: int = 1) -> list[Rows]:
    """For every key that `least` rows or more have, those rows; ordered by the first of them."""
    if not len(keys):
        return []
    order = np.argsort(keys, kind="stable")
    groups = np.split(order, np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1)
    return sorted((g for g in groups if len(g) >= least), key=lambda group: int(group[0]))


def _told(faces: Faces) -> list[Issue]:
    """The notes and the problems of the reader."""
    kinds: dict[str, list[str]] = {}
    for problem in faces.problems:
        kinds.setdefault(problem.kind, []).append(f"{problem.name}: {problem.detail}")
    notes = [Issue("note", "warning", 1, note) for note in faces.table.notes]
    return notes + [
        _issue(kind, "warning", _TOLD.get(kind, "noted by the reader"), texts, len(texts))
        for kind, texts in kinds.items()
    ]


def _unreadable(faces: Faces, broken: Mapping[int, str]) -> list[Issue]:
    """Images that do not decode."""
    what = "images that cannot be decoded: left out"
    texts = (f"{faces.table.images.name(row)}: {reason}" for row, reason in broken.items())
    return _some("unreadable", "warning", what, texts, len(broken))


def _empty_splits(faces: Faces, broken: Mapping[int, str]) -> list[Issue]:
    """Splits without rows, or without images that decode; training faces all of one age."""
    good = np.ones(len(faces.codes), bool)
    good[list(broken)] = False
    rows = {s: int((faces.codes == i).sum()) for i, s in enumerate(SPLITS)}
    left = {s: int((good & (faces.codes == i)).sum()) for i, s in enumerate(SPLITS)}
    issues = [
        Issue("empty", "error", 1, f"no image of the {split} split can be decoded")
        for split in SPLITS
        if rows[split] and not left[split]
    ]
    if not rows["train"]:
        tests = rows["test"] > 0 and rows["val"] == 0
        what = "no rows to train on" + (": this protocol only tests" if tests else "")
        issues.append(Issue("empty", "warning" if tests else "error", 1, what))
    elif not rows["test"]:
        issues.append(Issue("empty", "warning", 1, "no rows to test on"))
    if left["train"]:
        years = faces.table.age[good & (faces.codes == 0)].round()
        if years.min() == years.max():
            what = f"all training faces are {years[0]:.0f} years old"
            issues.append(Issue("one-age", "error", 1, what))
    return issues


def _identical(faces: Faces) -> list[Issue]:
    """Images that are there more than once, byte for byte."""
    table = faces.table
    same: list[Rows] = []
    other: list[Rows] = []
    for rows in groups_of(as_strings(table.images.digests()), 2):
        (same if np.ptp(table.age[rows]) == 0 else other).append(rows)

    def texts(groups: Iterable[Rows]) -> Iterable[str]:
        return (
            ", ".join(f"{table.images.name(i)} (age {table.age[i]:g})" for i in rows)
            for rows in groups
        )

    def what(label: str, groups: Sequence[Rows]) -> str:
        noun = "group" if len(groups) == 1 else "groups"
        return f"{noun} of identical images under {label}: {sum(map(len, groups)):,} rows in all"

    return [
        *_some("identical", "warning", what("one age", same), texts(same), len(same)),
        *_some("conflict", "warning", what("different ages", other), texts(other), len(other)),
    ]


def _nearly_identical(faces: Faces, thumbnails: NDArray[np.uint8] | None) -> list[Issue]:
    """Pictures that are nearly, but not byte for byte, the same."""
    if thumbnails is None:
        return []
    if len(thumbnails) > MOST:
        what = f"near-duplicates are not looked for in more than {MOST:,} pictures"
        return [Issue("near-duplicate", "warning", 1, what)]
    table, key = faces.table, as_strings(faces.table.content_keys())
    groups = [rows for rows in near_duplicate_groups(thumbnails) if len(np.unique(key[rows])) > 1]
    if not groups:
        return []
    # Those that leak from one split into another come first.
    groups.sort(key=lambda rows: not np.ptp(faces.codes[rows]))
    across = sum(bool(np.ptp(faces.codes[rows])) for rows in groups)
    apart = np.mean([np.ptp(table.age[rows]) for rows in groups])
    what = (
        f"groups of nearly identical pictures, {across:,} of them in more than one split; "
        f"the ages within a group differ by {apart:.1f} years on average"
    )
    split = [*SPLITS, "unused"]
    texts = (
        ", ".join(
            f"{table.images.name(i)} (age {table.age[i]:g}, {split[faces.codes[i]]})" for i in rows
        )
        for rows in groups
    )
    return _some("near-duplicate", "warning", what, texts, len(groups))


def _straddling(faces: Faces) -> list[Issue]:
    """Pictures that are in more than one split."""
    groups = _crossing(faces, as_strings(faces.table.content_keys()))
    worst = sum(bool({0, 2} <= {*faces.codes[rows].tolist()}) for rows in groups)
    what = f"identical images in more than one split, {worst:,} of them in train and in test"
    severity: Severity = "error" if worst else "warning"
    return _some("straddle", severity, what, _across(faces, groups), len(groups))


def _leaking(faces: Faces) -> list[Issue]:
    """People who are in more than one split."""
    groups = _crossing(faces, faces.table.identity, faces.table.identity >= 0)
    severity: Severity = "error" if faces.subject_exclusive else "warning"
    promise = "forbids" if faces.subject_exclusive else "allows"
    what = f"people in more than one split, which the protocol {promise}"
    return _some("subject", severity, what, _across(faces, groups), len(groups))


def _crossing(
    faces: Faces, keys: NDArray[Any], known: NDArray[np.bool_] | None = None
) -> list[Rows]:
    """The rows in use of every key that is in more than one split."""
    used = np.flatnonzero((faces.codes >= 0) & (True if known is None else known))
    groups = (used[rows] for rows in groups_of(keys[used], 2))
    return [rows for rows in groups if np.ptp(faces.codes[rows])]


def _across(faces: Faces, groups: Iterable[Rows]) -> Iterable[str]:
    """The first row of each split, for every group."""
    for rows in groups:
        codes, first = np.unique(faces.codes[rows], return_index=True)
        yield ", ".join(
            f"{faces.table.images.name(int(rows[k]))} ({SPLITS[code]})"
            for code, k in zip(codes, first, strict=True)
        )


def _some(
    kind: str, severity: Severity, what: str, texts: Iterable[str], count: int
) -> list[Issue]:
    """An issue, if there is anything of it."""
    return [_issue(kind, severity, what, texts, count)] if count else []


def _issue(kind: str, severity: Severity, what: str, texts: Iterable[str], count: int) -> Issue:
    return Issue(kind, severity, count, what, tuple(islice(texts, _EXAMPLES)))
