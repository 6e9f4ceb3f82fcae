"""Apparent ages: label files of image, mean and standard deviation, one for each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import SPLITS, Assign, FaceTable, Rows, Sheet, by_column, read_sheet
from agekit_datasets.pictures import Pictures, folder_split

__all__ = ["SCORED", "add_apparent", "as_splits", "read_apparent"]

SCORED = ("mae", "epsilon")
"""What apparent ages are scored by."""

_IMAGE = ("image", "image_name", "name", "file", "file_name", "filename")
_MEAN = ("mean", "age", "apparent_age")
_STDV = ("stdv", "std", "stddev", "sigma")
_COLUMNS = ("image", "mean", "stdv")


def read_apparent(rows: Rows, path: str) -> Sheet:
    """Reads a label file: with or without a header, of any delimiter.

    Columns go by their names where the header has those of image and mean, else, if there are no
    more than three, by position.

    Args:
        rows: what its path is relative to.
        path: the file below their root.

    Returns:
        A sheet with the columns ``image``, ``mean`` and ``stdv``; no row of it if the file holds
        names without ages.

    Raises:
        DataError: it cannot be read, or has other columns.
    """
    sheet = read_sheet(rows.root / path, header=_COLUMNS)
    few = len(sheet.header) <= len(_COLUMNS)
    if not few or (sheet.has(*_IMAGE) and sheet.has(*_MEAN)):
        cells = zip(
            sheet.column(*_IMAGE),
            sheet.column(*_MEAN),
            sheet.column(*_STDV, default=""),
            strict=True,
        )
        return replace(sheet, header=_COLUMNS, rows=tuple(cells))
    if all(len(row) < 2 for row in sheet.rows):
        return replace(sheet, header=_COLUMNS, rows=(), lines=())
    return replace(sheet, header=_COLUMNS)


def add_apparent(rows: Rows, pictures: Pictures, sheet: Sheet, split: str, other: str = "") -> None:
    """Adds the rows of a label file; an image is looked for in the folders of its split.

    Args:
        rows: where to add them.
        pictures: the images.
        sheet: from `read_apparent`.
        split: the split the labels are of, "" if that of the folder each image lies in.
        other: then, the split of an image whose folder says none.
    """
    columns = zip(*(sheet.column(name) for name in _COLUMNS), strict=True)
    for i, (image, mean, stdv) in enumerate(columns):
        place = pictures.of_split(image, split)
        rows.add(
            place or image,
            sheet.number(mean),
            sigma=sheet.number(stdv),
            split=split or folder_split(place or "") or other,
            where=sheet.where(i),
        )


def as_splits(splits: Mapping[str, str]) -> Assign:
    """The dataset's own splits, used as others.

    Args:
        splits: own split → the one it is used as; splits not named are unused.
    """
    own = by_column()
    used = [SPLITS.index(splits[name]) if name in splits else -1 for name in SPLITS]
    codes = np.array([*used, -1], np.int8)

    def assign(table: FaceTable) -> NDArray[np.int8]:
        return codes[own(table)]

    return assign
