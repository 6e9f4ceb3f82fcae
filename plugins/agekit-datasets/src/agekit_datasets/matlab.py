"""Structs in Matlab files, as the authors of several datasets ship their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError

__all__ = ["numbers", "read_struct", "texts"]


def read_struct(
    path: Path, name: str, fields: Sequence[str], source: str
) -> dict[str, NDArray[Any]]:
    """Reads fields of a struct, each with one value for each of N rows.

    Args:
        path: the file, of a version before 7.3.
        name: the variable that is the struct.
        fields: which fields.
        source: where to get the file anew.

    Returns:
        The fields by name, (N,); of cells, arrays of objects for `texts`.

    Raises:
        DataError: the file is damaged or of another version, or has no such struct.
    """
    from scipy.io import loadmat  # type: ignore[import-untyped]

    again = f"get the file again from {source}"
    try:
        with open(path, "rb") as file:
            loaded = loadmat(file, variable_names=[name])
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}", again) from None
    except NotImplementedError:
        raise DataError(
            f"{path}: a Matlab file of version 7.3 (HDF5), expected one of version 5 to 7",
            f"{again}, or save it in Matlab with the option -v7",
        ) from None
    except Exception as error:  # of many kinds, as the damage strikes
        raise DataError(f"{path}: a damaged Matlab file, or none: {error}", again) from None
    struct = loaded.get(name)
    if struct is None or struct.dtype.names is None or struct.size != 1:
        raise DataError(f"{path}: expected a struct {name!r}; found none", again)
    missing = [field for field in fields if field not in struct.dtype.names]
    if missing:
        found = ", ".join(struct.dtype.names)
        raise DataError(f"{path}: {name} has no field {', '.join(missing)}; found: {found}", again)
    columns = {field: np.ravel(struct[field].item()) for field in fields}
    lengths = {field: len(column) for field, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{field} {n:,}" for field, n in lengths.items())
        raise DataError(f"{path}: the fields of {name} differ in length: {shown}", again)
    return columns


def numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """A field of numbers, (N,) float64; NaN throughout if it holds something else."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    return np.full(len(column), np.nan)


def texts(column: NDArray[Any]) -> list[str]:
    """The texts in a field of N cells; "" for an empty cell or one that holds no text."""
    return [
        str(cell.flat[0])
        if isinstance(cell, np.ndarray) and cell.dtype.kind == "U" and cell.size
        else ""
        for cell in column
    ]
