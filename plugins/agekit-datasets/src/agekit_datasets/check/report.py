"""The report on a split dataset: its contents, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import (
    SPLITS,
    Faces,
    FaceTable,
    ImageSource,
    age_bins,
    as_strings,
    in_threads,
    unusable,
)
from agekit_datasets.check.issues import Issue, find_issues, groups_of
from agekit_datasets.check.near_duplicates import THUMBNAIL

__all__ = ["DatasetReport", "check_faces"]

_GENDERS = {"male": 0, "female": 1, "unknown": -1}


@dataclass(frozen=True)
class DatasetReport:
    """The report on a dataset under one protocol.

    Attributes:
        dataset: its name.
        protocol: dataset and protocol.
        split_hash: see `Faces.split_hash`.
        subject_exclusive: whether the protocol promises that no person is in two splits.
        n: rows with an age and a file, used by the protocol or not.
        people: how many are told apart; None where no identity is known.
        splits: ``train``, ``val``, ``test`` and ``unused`` → rows, people, and their ages.
        ages: the youngest, the median and the oldest, and the rows of every ten years.
        genders: ``male``, ``female``, ``unknown`` → rows.
        groups: group → rows; ``unknown`` too where some rows have none.
        official: what the authors count → their figure, and the one found.
        decoded: whether every image was decoded.
        problems: the errors first.
    """

    dataset: str
    protocol: str
    split_hash: str
    subject_exclusive: bool
    n: int
    people: int | None
    splits: Mapping[str, Mapping[str, Any]]
    ages: Mapping[str, Any]
    genders: Mapping[str, int]
    groups: Mapping[str, int]
    official: Mapping[str, Mapping[str, int]]
    decoded: bool
    problems: tuple[Issue, ...]

    @property
    def ok(self) -> bool:
        """True if nothing breaks training."""
        return all(issue.severity != "error" for issue in self.problems)

    def to_json(self) -> dict[str, Any]:
        """The report as ``agekit data check --json`` gives it."""
        return {**asdict(self), "ok": self.ok}


def check_faces(
    faces: Faces,
    *,
    official: Mapping[str, int] | None = None,
    decode: bool = True,
    progress: Callable[[], None] | None = None,
) -> DatasetReport:
    """Counts a split dataset and looks for what is wrong with it.

    Args:
        faces: the dataset, read and split.
        official: what its authors count: ``images``, ``people``.
        decode: whether to decode every image.
        progress: called after each row whose image was decoded.

    Raises:
        DataError: a file cannot be read at all.
    """
    table, codes = faces.table, faces.codes
    thumbnails, broken = _decode_all(table.images, progress) if decode else (None, {})
    known = table.identity >= 0
    people = len(np.unique(table.identity[known])) if known.any() else None
    found = {"images": len(table), "people": people}
    parts = [*enumerate(SPLITS), (-1, "unused")]
    return DatasetReport(
        dataset=faces.dataset,
        protocol=faces.protocol,
        split_hash=faces.split_hash,
        subject_exclusive=faces.subject_exclusive,
        n=len(table),
        people=people,
        splits={name: _summary(faces, codes == code) for code, name in parts},
        ages={**_ages(table.age), "histogram": _histogram(table.age)},
        genders={name: int((table.gender == code).sum()) for name, code in _GENDERS.items()},
        groups=_groups(table),
        official={
            what: {"official": count, "found": there}
            for what, count in (official or {}).items()
            if (there := found.get(what)) is not None
        },
        decoded=decode,
        problems=find_issues(faces, broken, thumbnails),
    )


def _summary(faces: Faces, here: NDArray[np.bool_]) -> dict[str, Any]:
    identity = faces.table.identity[here]
    counts = {"n": int(here.sum()), "people": len(np.unique(identity[identity >= 0]))}
    return {**counts, **_ages(faces.table.age[here])}


def _ages(age: NDArray[np.float32]) -> dict[str, float | None]:
    if not len(age):
        return {"min": None, "median": None, "max": None}
    return {"min": float(age.min()), "median": float(np.median(age)), "max": float(age.max())}


def _histogram(age: NDArray[np.float32]) -> list[dict[str, Any]]:
    """The rows of every ten years up to the oldest, also where there are none."""
    bins = age_bins(age)
    every = (f"{k}-{k + 9}" for k in range(0, int(age.max()) + 1, 10))
    return [{"ages": ages, "n": len(bins.get(ages, ()))} for ages in every]


def _groups(table: FaceTable) -> dict[str, int]:
    """Rows of each group; those of none are told where there are groups."""
    counts = {name: int((table.group == k).sum()) for k, name in enumerate(table.group_names)}
    if counts and (none := int((table.group < 0).sum())):
        counts["unknown"] = counts.get("unknown", 0) + none
    return counts


def _decode_all(
    images: ImageSource, progress: Callable[[], None] | None
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Small copies (N, S, S, 3), and row → why its image cannot be decoded.

    Identical images are decoded once; those that cannot be are black.
    """
    small = np.zeros((len(images), THUMBNAIL, THUMBNAIL, 3), np.uint8)

    def decode(rows: NDArray[np.int64]) -> None:
        small[rows] = images.decode(int(rows[0]), THUMBNAIL)

    bad: dict[int, str] = {}
    groups = groups_of(as_strings(images.digests()))
    for rows, future in zip(groups, in_threads(decode, groups), strict=True):
        try:
            future.result()
        except (DataError, OSError) as error:
            bad |= dict.fromkeys(rows.tolist(), unusable(error, images.name(int(rows[0]))))
        if progress is not None:
            for _ in rows:
                progress()
    return small, dict(sorted(bad.items()))
