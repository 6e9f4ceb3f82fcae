"""A user's own split: a csv that says which image is in which split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from agekit.data.columns import COLUMN_NAMES
from agekit.data.protocols import Protocol
from agekit.data.rows import parse_split
from agekit.data.sheet import read_sheet
from agekit.data.table import SPLITS, FaceTable
from agekit.errors import DataError

__all__ = ["SPLIT_FILE", "split_file"]

SPLIT_FILE = ".csv"
"""The ending of a user's own split."""


def split_file(path: Path) -> Protocol:
    """The protocol of a csv with the columns path (by any of its usual names) and split.

    An image is known by its path below the dataset's root or, where no other has it, by its file
    name; the ending does not count, so that chips are split as the photos they were cut from.

    Raises:
        DataError: the file cannot be read or lacks a column; (when assigned) it names no image of
            the dataset, or a split is none of train, val and test.
    """
    sheet = read_sheet(path)
    names = sheet.column(*COLUMN_NAMES["path"])
    wanted: dict[str, int] = {}
    for i, (name, text) in enumerate(zip(names, sheet.column("split"), strict=True)):
        split = parse_split(text)
        if not split:
            raise DataError(
                f"{sheet.path}, line {sheet.lines[i]}: split {text!r} is none of train, val, test"
            )
        code = SPLITS.index(split)
        if wanted.setdefault(_key(name), code) != code:
            raise DataError(f"{sheet.path}, line {sheet.lines[i]}: {name} is in two splits")

    def assign(table: FaceTable) -> NDArray[np.int8]:
        keys = [_key(table.images.name(i)) for i in range(len(table))]
        files = Counter(key.rpartition("/")[2] for key in keys)

        def code(key: str) -> int:
            file = key.rpartition("/")[2]
            return wanted.get(key, wanted.get(file, -1) if files[file] == 1 else -1)

        codes = np.array([code(key) for key in keys], np.int8)
        if not (codes >= 0).any():
            raise DataError(
                f"{path} names none of the dataset's images; the first it names: "
                f"{', '.join(names[:2]) or 'none'}; the dataset's: {table.images.name(0)}",
                "give the paths below the dataset's root, or the file names",
            )
        return codes

    return Protocol(path.stem, f"as {path.name} says", assign)


def _key(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix().lower()
