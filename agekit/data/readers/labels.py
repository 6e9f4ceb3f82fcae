"""From a csv of labels, as people and spreadsheets write them, to a face table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agekit.data.readers.rows import Rows, parse_gender, parse_split
from agekit.data.readers.sheet import Sheet, read_sheet
from agekit.data.table import FaceTable
from agekit.errors import DataError, nearest

__all__ = ["read_labels"]

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "image", "file", "filename"),
    "age": ("age",),
    "sigma": ("sigma", "std"),
    "identity": ("identity", "id", "subject"),
    "gender": ("gender",),
    "group": ("group", "race", "ethnicity"),
    "split": ("split",),
}
_NEEDED = ("path", "age")
_EXPECTED = (
    "a header with path (or image, file, filename) and age, and as you have them sigma (std), "
    "identity (id, subject), gender, group (race, ethnicity), split"
)


def read_labels(path: Path, root: Path) -> FaceTable:
    """Reads a csv of labels for images below `root`.

    Rows that name no file, a missing one, or one that an earlier row named, and rows without a
    usable age, become problems. See `read_sheet` for delimiters and encodings.

    Args:
        path: the csv.
        root: the folder its paths are relative to.

    Raises:
        DataError: the file cannot be read, a column is missing, or no row is usable.
    """
    sheet = read_sheet(path)
    _check(sheet)
    columns = {
        name: sheet.column(*names, default=None if name in _NEEDED else "")
        for name, names in _COLUMNS.items()
    }
    rows = Rows(root)
    for i, cells in enumerate(zip(*columns.values(), strict=True)):
        _add(rows, sheet, i, dict(zip(columns, cells, strict=True)))
    return rows.build()


def _check(sheet: Sheet) -> None:
    missing = [column for column in _NEEDED if not sheet.has(*_COLUMNS[column])]
    if missing:
        shown = ", ".join(sheet.header) or "nothing"
        wanted = [name for column in missing for name in _COLUMNS[column]]
        close = next(filter(None, (nearest(name, sheet.header, n=1) for name in wanted)), "")
        raise DataError(
            f"{sheet.path}: no column {' and no column '.join(missing)}; found: {shown}{close}",
            f"expected: {_EXPECTED}",
        )


def _add(rows: Rows, sheet: Sheet, i: int, cell: Mapping[str, str]) -> None:
    """Adds one row; odd optional values are told and left out."""
    where = sheet.where(i)
    gender, split = parse_gender(cell["gender"]), parse_split(cell["split"])
    before = len(rows)
    rows.add(
        cell["path"],
        sheet.number(cell["age"]),
        sigma=sheet.number(cell["sigma"]),
        identity=cell["identity"],
        gender=-1 if gender is None else gender,
        group=cell["group"],
        split=split or "",
        where=where,
    )
    if len(rows) > before:
        if gender is None:
            rows.problem(
                "gender", cell["path"], f"{where}: {cell['gender']!r} taken as unknown", kept=True
            )
        if split is None:
            rows.problem(
                "split", cell["path"], f"{where}: {cell['split']!r} taken as none", kept=True
            )
