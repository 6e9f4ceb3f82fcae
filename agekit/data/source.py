"""The rows of a dataset, as it lies or as chips and shards that were made from it."""

from __future__ import annotations

from pathlib import Path

from agekit.data.alignment import Alignment
from agekit.data.dataset import Dataset
from agekit.data.prepared import is_prepared, read_prepared
from agekit.data.shards import is_packed, read_shards
from agekit.data.table import FaceTable
from agekit.errors import DataError

__all__ = ["read_source"]

_ANY_SHARDS = "parquet"
"""The dataset that takes shards as they are, whatever they were made from."""


def read_source(reader: Dataset, place: Path | None) -> tuple[FaceTable, Alignment]:
    """The rows, and how their faces were cut as far as the data says.

    Args:
        reader: of the dataset.
        place: the dataset, or chips or shards made from it; None where it needs none.

    Raises:
        DataError: they cannot be read, or were made from another dataset.
    """
    if place is not None and is_packed(place):
        table, manifest = read_shards(place)
        if reader.name == _ANY_SHARDS:
            return table, Alignment() if manifest is None else manifest.face
    elif place is not None and is_prepared(place):
        table, manifest = read_prepared(place)
    else:
        return reader.read(place), reader.alignment
    if manifest is None:
        raise DataError(
            f"{place} does not say which dataset it was made from",
            f"read it by the dataset {_ANY_SHARDS!r}",
        )
    if manifest.dataset != reader.name:
        raise DataError(
            f"{place} was made from {manifest.dataset}, not from {reader.name}",
            f"name the dataset {manifest.dataset}",
        )
    return table, manifest.face
