"""Folders of face chips with a table of their labels, as `agekit data prepare` makes them."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agekit.atomic import write_bytes, write_text
from agekit.data.manifest import COLUMNS, MANIFEST, TABLE, Manifest
from agekit.data.rows import Rows
from agekit.data.sheet import Sheet, read_sheet, read_text
from agekit.data.table import FaceTable, Problem
from agekit.errors import DataError, counted

__all__ = [
    "FAILURES_FILE",
    "PLAN_FILE",
    "append_failure",
    "is_prepared",
    "read_failures",
    "read_prepared",
    "write_failures",
    "write_table",
]

PLAN_FILE = "prepare.json"
"""The file of the options that the folder was begun with; there from the first chip on."""
FAILURES_FILE = "failures.csv"
"""The list of images that no chip could be made of."""

_HEADER = ("name", "kind", "detail")
_BLANKS = str.maketrans("\r\n", "  ")
_DIGEST = re.compile("[0-9a-f]{32}")


def is_prepared(place: Path) -> bool:
    """True if a folder holds chips that were prepared, or are being prepared."""
    return (place / MANIFEST).is_file() or (place / PLAN_FILE).is_file()


def write_table(folder: Path, table: FaceTable, paths: Sequence[str], manifest: Manifest) -> None:
    """Makes a folder of chips a dataset: writes the table, then the manifest.

    Args:
        folder: where the chips are.
        table: their N rows; its content keys are the origins.
        paths: the chips below the folder, N.
        manifest: what the dataset says of itself.

    Raises:
        OSError: a file cannot be written; what was there stays.
    """
    text = io.StringIO(newline="")
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for path, record in zip(paths, table.records(), strict=True):
        sheet.writerow((path, *record.values()))
    write_text(folder / TABLE, text.getvalue())
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")


def read_prepared(folder: Path) -> FaceTable:
    """Reads the table of prepared chips, with their manifest.

    A chip that is missing and a label that cannot be read become problems, as do the pictures that
    no chip could be made of.

    Raises:
        DataError: the folder is unfinished, or its manifest or table is damaged.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(
            f"{folder}: the chips are not all cut yet: there is no {MANIFEST}",
            "run the same `agekit data prepare` again: it goes on where it stopped",
        )
    manifest = Manifest.parse(read_text(folder / MANIFEST), str(folder / MANIFEST))
    sheet = read_sheet(folder / TABLE)
    columns = {name: sheet.column(name) for name in COLUMNS}
    if len(sheet) != manifest.rows:
        raise DataError(
            f"{folder / TABLE} has {counted(len(sheet), 'row')}, and {MANIFEST} speaks of "
            f"{manifest.rows:,}: one of them is damaged",
            "copy the folder again, or run the same `agekit data prepare` again",
        )
    rows = Rows(folder)
    origins: dict[str, bytes] = {}
    for i, cells in enumerate(zip(*columns.values(), strict=True)):
        _add(rows, origins, manifest, sheet, i, dict(zip(columns, cells, strict=True)))
    table = rows.build(manifest.group_names)
    keys = b"".join(origins[table.images.name(i)] for i in range(len(table)))
    origin: NDArray[np.uint8] = np.frombuffer(keys, np.uint8).reshape(-1, 16)
    problems = (*table.problems, *_failures(folder))
    return replace(table, origin=origin, problems=problems, manifest=manifest)


def _failures(folder: Path) -> list[Problem]:
    try:
        return read_failures(folder)
    except OSError as error:
        raise DataError(f"{folder / FAILURES_FILE}: cannot be read: {error.strerror}") from None


def _add(
    rows: Rows,
    origins: dict[str, bytes],
    manifest: Manifest,
    sheet: Sheet,
    i: int,
    cell: dict[str, str],
) -> None:
    """Adds one row; cells that cannot be read are told and taken as unknown."""
    where, path = sheet.where(i), cell["path"]
    if not _DIGEST.fullmatch(cell["origin"]):
        rows.problem("origin", path, f"{where}: {cell['origin']!r} is no content key")
        return
    identity, group = _identity(cell["identity"]), cell["group"]
    odd = {"identity": identity is None, "group": group not in ("", *manifest.group_names)}
    added = rows.add(
        path,
        sheet.number(cell["age"]),
        sigma=sheet.number(cell["sigma"]),
        identity=-1 if identity is None else identity,
        gender=cell["gender"],
        group="" if odd["group"] else group,
        split=cell["split"],
        where=where,
    )
    if added:
        origins[rows.find(path) or path] = bytes.fromhex(cell["origin"])
        for column in (name for name, is_odd in odd.items() if is_odd):
            rows.problem(column, path, f"{where}: {cell[column]!r} taken as unknown", kept=True)


def _identity(text: str) -> int | None:
    """The number, -1 for no text, None for what is no number of a person."""
    if not text:
        return -1
    usable = text.isdecimal() and len(text) <= 19 and int(text) < 2**63
    return int(text) if usable else None


def read_failures(folder: Path) -> list[Problem]:
    """The failures noted in a folder; a last line that was not written to its end is left out.

    Raises:
        OSError: the file is there and cannot be read.
    """
    path = folder / FAILURES_FILE
    data = path.read_bytes() if path.exists() else b""
    whole = data[: data.rfind(b"\n") + 1].decode("utf-8", "replace")
    lines = csv.reader(io.StringIO(whole, newline=""))
    return [
        Problem(kind=cells[1], name=cells[0], detail=cells[2])
        for cells in lines
        if len(cells) == len(_HEADER) and tuple(cells) != _HEADER
    ]


def append_failure(folder: Path, failure: Problem) -> None:
    """Adds one, so that it is on the disk when this returns."""
    path = folder / FAILURES_FILE
    begun = path.exists()
    with open(path, "ab") as file:
        file.write(_line((failure.name, failure.kind, failure.detail), header=not begun))
        file.flush()
        os.fsync(file.fileno())


def write_failures(folder: Path, failures: Iterable[Problem]) -> None:
    """Replaces the list as a whole; without failures there is no file."""
    lines = [_line((f.name, f.kind, f.detail), header=False) for f in failures]
    if lines:
        write_bytes(folder / FAILURES_FILE, b"".join([_line(_HEADER, header=False), *lines]))
    else:
        (folder / FAILURES_FILE).unlink(missing_ok=True)


def _line(cells: tuple[str, ...], *, header: bool) -> bytes:
    text = io.StringIO(newline="")
    sheet = csv.writer(text, lineterminator="\n")
    if header:
        sheet.writerow(_HEADER)
    sheet.writerow(cell.translate(_BLANKS) for cell in cells)
    return text.getvalue().encode()
