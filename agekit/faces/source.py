"""What chips are made from: kept apart from them, and known by its content."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agekit.data.files import Files
from agekit.data.table import FaceTable
from agekit.errors import DataError

__all__ = ["keep_apart", "origin_keys"]

_MOST_ODD = 10


def keep_apart(out: Path, place: Path | None) -> None:
    """Makes sure that what is written does not become part of what is read.

    Raises:
        DataError: `out` is the dataset's folder, or within it.
    """
    if place is None or not place.is_dir():
        return
    inside = Path(os.path.realpath(place))
    if Path(os.path.realpath(out)).is_relative_to(inside):
        raise DataError(
            f"{out} is within the dataset's folder {place}: the chips would become part of it",
            "write to a folder elsewhere",
        )


def origin_keys(table: FaceTable) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """The content key of every row, (N, 16), and which rows cannot be read at all, and why.

    Those have a key of zeros.

    Raises:
        DataError: more than a few files that the system lets be opened cannot be read, or a shard
            cannot.
    """
    try:
        return table.content_keys(), {}
    except DataError:
        if not isinstance(table.images, Files):
            raise
    root, paths = table.images.root, table.images.paths
    lost = {
        i: "no such file, or not to be read"
        for i in range(len(table))
        if not _open(root / paths[i])
    }
    keys = np.zeros((len(table), 16), np.uint8)
    parts = [np.array([i for i in range(len(table)) if i not in lost], np.int64)]
    odd = 0
    while parts:
        rows = parts.pop()
        try:
            keys[rows] = table.take(rows).content_keys()
        except DataError as error:
            if len(rows) > 1:
                parts += np.array_split(rows, 2)
                continue
            odd += 1
            if odd > _MOST_ODD:
                raise
            lost[int(rows[0])] = error.message
    return keys, lost


def _open(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
