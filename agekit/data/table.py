"""The face table: the rows of a dataset, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agekit.errors import DataError

if TYPE_CHECKING:
    from agekit.data.manifest import Manifest

__all__ = [
    "COLUMNS",
    "MAX_AGE",
    "SPLITS",
    "FaceTable",
    "ImageSource",
    "Problem",
    "age_bins",
    "as_strings",
]

SPLITS = ("train", "val", "test")
MAX_AGE = 120.0
COLUMNS = {
    "age": np.float32,
    "sigma": np.float32,
    "identity": np.int64,
    "gender": np.int8,
    "group": np.int16,
    "split": np.int8,
}
"""The columns of a face table, each (N,)."""


class ImageSource(Protocol):
    """The images of a table; must be picklable and safe to decode in threads."""

    def __len__(self) -> int:
        """The number of images N."""

    def name(self, i: int) -> str:
        """The relative path, or another unique name, of image `i`."""

    def digests(self) -> NDArray[np.uint8]:
        """The content key of every image, (N, 16) bytes: equal exactly where the images are."""

    def decode(self, i: int, size: int) -> NDArray[np.uint8]:
        """Image `i` as RGB, (size, size, 3).

        Raises:
            DataError: its content is no usable image.
            OSError: it cannot be read at the moment.
        """

    def take(self, index: NDArray[np.int64]) -> Self:
        """The same source with the images of `index`, in that order."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row or file that was named, counted and skipped, or read in part.

    Attributes:
        kind: what sort of problem: ``age``, ``missing``, ``duplicate``, ``name``, ``image``...
        name: which row or file.
        detail: what is wrong with it.
        kept: whether the row is there all the same.
    """

    kind: str
    name: str
    detail: str
    kept: bool = False


@dataclass(frozen=True)
class FaceTable:
    """N rows of a dataset, column by column.

    Attributes:
        images: where the images come from.
        age: (N,) years, float32.
        sigma: (N,) standard deviation of the age label in years, NaN where unknown.
        identity: (N,) int64, -1 where unknown.
        gender: (N,) int8: 0 male, 1 female, -1 unknown.
        group: (N,) int16 index into `group_names`, -1 unknown.
        group_names: the names of the groups, as the dataset calls them.
        split: (N,) int8, the dataset's official split: index into `SPLITS`, -1 none.
        problems: the rows left out, and why.
        notes: what was chosen, guessed or not used when the table was read, for people.
        origin: (N, 16) uint8, the content key of the picture each image was made from, where
            these are chips or copies; None where the images are the pictures themselves.
        manifest: what chips and packs say of the dataset they were made from; None of all else.
        points: (N, 5, 2) float32, where the dataset says it: x and y of the points of
            `agekit.faces.base.Detection` in the whole image, pixels; NaN where unknown.
    """

    images: ImageSource
    age: NDArray[np.float32]
    sigma: NDArray[np.float32]
    identity: NDArray[np.int64]
    gender: NDArray[np.int8]
    group: NDArray[np.int16]
    group_names: tuple[str, ...]
    split: NDArray[np.int8]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    origin: NDArray[np.uint8] | None = None
    manifest: Manifest | None = None
    points: NDArray[np.float32] | None = None

    @classmethod
    def build(
        cls,
        images: ImageSource,
        age: ArrayLike,
        *,
        group_names: Sequence[str] = (),
        problems: Sequence[Problem] = (),
        notes: Sequence[str] = (),
        origin: NDArray[np.uint8] | None = None,
        manifest: Manifest | None = None,
        **columns: ArrayLike | None,
    ) -> FaceTable:
        """Fills the missing columns and drops the rows that have no usable age.

        Args:
            images: N.
            age: (N,) years, NaN where unknown.
            group_names: see the attributes, as for the others.
            problems: of the rows that were left out before.
            notes: for people.
            origin: of chips and copies.
            manifest: the same.
            columns: the others of `COLUMNS`; None, or left out, where all is unknown.

        Raises:
            DataError: a column's length is not the number of images, or no row is left.
        """
        n = len(images)
        if odd := columns.keys() - COLUMNS.keys():
            raise TypeError(f"a face table has no column {min(odd)!r}")

        def column(name: str, values: ArrayLike | None) -> NDArray[Any]:
            if values is None:
                return np.full(n, np.nan if name == "sigma" else -1, COLUMNS[name])
            array = np.asarray(values, COLUMNS[name])
            if array.shape != (n,):
                raise DataError(f"column {name!r} has shape {array.shape} for {n} images")
            return array

        filled = {name: column(name, columns.get(name)) for name in COLUMNS if name != "age"}
        years = column("age", age)
        good = (years >= 0) & (years <= MAX_AGE)
        bad = [
            Problem("age", images.name(int(i)), _age_problem(float(years[i])))
            for i in np.flatnonzero(~good)
        ]
        table = cls(
            images=images,
            age=years,
            group_names=tuple(group_names),
            problems=(*problems, *bad),
            notes=tuple(notes),
            origin=origin,
            manifest=manifest,
            **filled,
        )
        if not good.any():
            what = "no rows" if n == 0 else f"none of {n} rows has an age from 0 to {MAX_AGE:.0f}"
            shown = "; ".join(f"{p.name}: {p.detail}" for p in table.problems[:3])
            raise DataError(f"nothing to use in the dataset: {what}", shown and f"first: {shown}")
        return table if good.all() else table.take(np.flatnonzero(good))

    def __len__(self) -> int:
        """The number of rows N."""
        return len(self.age)

    def misfit(self) -> str:
        """The fault of a column, in words; empty where all is as the class says."""
        n = len(self.images)
        for name, dtype in COLUMNS.items():
            column = getattr(self, name)
            if not isinstance(column, np.ndarray):
                return f"the column {name!r} is a {type(column).__name__}, not an array"
            if column.shape != (n,) or column.dtype != dtype:
                return (
                    f"the column {name!r} is {column.dtype} of shape {column.shape}, not "
                    f"{np.dtype(dtype)} of ({n},), one for each image"
                )
        if self.points is not None and self.points.shape != (n, 5, 2):
            return f"its points are of shape {self.points.shape}, not ({n}, 5, 2)"
        if n == 0:
            return "it has no rows"
        if not ((self.age >= 0) & (self.age <= MAX_AGE)).all():
            return f"an age is not from 0 to {MAX_AGE:.0f} years"
        if (self.group >= len(self.group_names)).any():
            return "a group has no name in group_names"
        return ""

    def take(self, index: NDArray[np.int64]) -> FaceTable:
        """The rows of `index`, in that order; the problems and notes stay."""
        columns = {name: getattr(self, name)[index] for name in COLUMNS}
        for name in ("origin", "points"):
            columns[name] = None if (all_ := getattr(self, name)) is None else all_[index]
        return replace(self, images=self.images.take(index), **columns)

    def content_keys(self) -> NDArray[np.uint8]:
        """The content key of each row's original picture, (N, 16), by which splits know it.

        Chips that were cut from pictures, or packed copies of them, keep the pictures' keys, so
        that they are split as those are.
        """
        return self.images.digests() if self.origin is None else self.origin

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row as its `COLUMNS` and ``origin``, its content key in hex, as files hold them.

        Group and split are names, gender is ``male`` or ``female``; what is unknown is None.
        """
        for i, key in enumerate(self.content_keys()):
            gender, group, split = int(self.gender[i]), int(self.group[i]), int(self.split[i])
            yield {
                "age": self.age[i],
                "sigma": None if np.isnan(self.sigma[i]) else self.sigma[i],
                "identity": None if self.identity[i] < 0 else int(self.identity[i]),
                "gender": None if gender < 0 else ("male", "female")[gender],
                "group": None if group < 0 else self.group_names[group],
                "split": None if split < 0 else SPLITS[split],
                "origin": key.tobytes().hex(),
            }


def age_bins(age: ArrayLike, width: int = 10) -> dict[str, NDArray[np.int64]]:
    """The rows of every `width` years that have some, the youngest first.

    Args:
        age: (N,) years.
        width: whole years; the bins begin at 0.

    Returns:
        ``20-29`` and the like → indices.
    """
    bins = np.floor(np.asarray(age) / width).astype(np.int64)
    return {
        f"{k * width}-{k * width + width - 1}": np.flatnonzero(bins == k)
        for k in np.unique(bins).tolist()
    }


def as_strings(keys: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Content keys (N, 16) as N strings, which numpy sorts, finds and compares."""
    return np.ascontiguousarray(keys).view("S16").reshape(-1)


def _age_problem(age: float) -> str:
    return "no age" if np.isnan(age) else f"age {age:g} is not from 0 to {MAX_AGE:.0f}"
