"""Several face tables as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.rows import identity_number
from agekit.data.table import FaceTable, ImageSource, as_strings

__all__ = ["JoinedImages", "identical_elsewhere", "join_tables", "rows_by_dataset"]


class JoinedImages:
    """The images of several sources, each under the name of its dataset.

    Their content keys are those of the sources, so that the cache holds an image once, whichever
    way it is asked for.

    Args:
        sources: dataset → its images.
        part: (N,) the source of every image, by its position; those of one are in its order.
    """

    def __init__(self, sources: Mapping[str, ImageSource], part: NDArray[np.int8]) -> None:
        self.sources = dict(sources)
        self.part = part
        self._names = tuple(self.sources)
        self._row = np.empty(len(part), np.int64)
        for k in range(len(self._names)):
            mine = part == k
            self._row[mine] = np.arange(mine.sum())

    def __len__(self) -> int:
        """The number of images."""
        return len(self.part)

    def name(self, i: int) -> str:
        """The dataset's name, a slash, and the image's name in it."""
        dataset = self._names[self.part[i]]
        return f"{dataset}/{self.sources[dataset].name(int(self._row[i]))}"

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes."""
        out = np.empty((len(self.part), 16), np.uint8)
        for k, source in enumerate(self.sources.values()):
            out[self.part == k] = source.digests()
        return out

    def decode(self, i: int, size: int) -> NDArray[np.uint8]:
        """Image `i` as its source gives it."""
        return self.sources[self._names[self.part[i]]].decode(int(self._row[i]), size)

    def shown(self, sources: Mapping[str, ImageSource]) -> JoinedImages:
        """The same images in other forms of their sources.

        Args:
            sources: dataset → its images, as many as here and in their order.
        """
        return JoinedImages(sources, self.part)

    def take(self, index: NDArray[np.int64]) -> JoinedImages:
        """The images of `index`, in that order."""
        part, row = self.part[index], self._row[index]
        sources = {
            name: source.take(row[part == k])
            for k, (name, source) in enumerate(self.sources.items())
        }
        return JoinedImages(sources, part)


def join_tables(tables: Mapping[str, FaceTable]) -> FaceTable:
    """One table of several, in their order.

    Names, problems and notes begin with the dataset's; people of two datasets are two, and groups
    of one name are one. A column that only some of them have is unknown in the others' rows.

    Args:
        tables: dataset → its rows.
    """
    groups = tuple(dict.fromkeys(name for table in tables.values() for name in table.group_names))
    part = np.repeat(np.arange(len(tables), dtype=np.int8), [len(t) for t in tables.values()])

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(table, name) for table in tables.values()])

    return FaceTable(
        images=JoinedImages({name: table.images for name, table in tables.items()}, part),
        age=column("age"),
        sigma=column("sigma"),
        identity=np.concatenate([_people(name, t.identity) for name, t in tables.items()]),
        gender=column("gender"),
        group=np.concatenate([_recoded(t.group, t.group_names, groups) for t in tables.values()]),
        group_names=groups,
        split=column("split"),
        problems=tuple(
            replace(problem, name=f"{name}/{problem.name}")
            for name, table in tables.items()
            for problem in table.problems
        ),
        notes=tuple(f"{name}: {note}" for name, table in tables.items() for note in table.notes),
        origin=np.concatenate([table.content_keys() for table in tables.values()]),
        points=_points(list(tables.values())),
    )


def rows_by_dataset(table: FaceTable) -> dict[str, NDArray[np.int64]]:
    """Dataset → its rows in a joined table; nothing of a table of one dataset."""
    images = table.images
    if not isinstance(images, JoinedImages):
        return {}
    return {name: np.flatnonzero(images.part == k) for k, name in enumerate(images.sources)}


def identical_elsewhere(
    table: FaceTable, codes: NDArray[np.int8], among: Sequence[int]
) -> NDArray[np.bool_]:
    """The rows in use whose very picture another dataset has in another split.

    Args:
        table: joined.
        codes: (N,) the split of each row, -1 none.
        among: the splits of the other dataset that count.

    Returns:
        (N,) bool.
    """
    content = np.unique(as_strings(table.content_keys()), return_inverse=True)[1]
    found = np.zeros(len(codes), bool)
    for rows in rows_by_dataset(table).values():
        others = np.ones(len(codes), bool)
        others[rows] = False
        held = content[others & np.isin(codes, among)]
        found[rows] = np.isin(content[rows], held)
    return found & (codes >= 0)


def _points(tables: Sequence[FaceTable]) -> NDArray[np.float32] | None:
    if all(table.points is None for table in tables):
        return None
    return np.concatenate(
        [
            np.full((len(table), 5, 2), np.nan, np.float32)
            if table.points is None
            else table.points
            for table in tables
        ]
    )


def _people(dataset: str, identity: NDArray[np.int64]) -> NDArray[np.int64]:
    """The people of a dataset, as no other has them; -1 stays."""
    people, which = np.unique(identity, return_inverse=True)
    own = [identity_number(f"{dataset}/{p}") if p >= 0 else -1 for p in people.tolist()]
    return np.array(own, np.int64)[which]


def _recoded(
    group: NDArray[np.int16], names: Sequence[str], groups: Sequence[str]
) -> NDArray[np.int16]:
    """Indices into `names` as indices into `groups`; -1 stays."""
    code = np.array([*(groups.index(name) for name in names), -1], np.int16)
    return code[group]
