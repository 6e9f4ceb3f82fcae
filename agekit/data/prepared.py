"""Folders of face chips with a table of their labels: what `agekit data prepare` makes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agekit.atomic import write_text
from agekit.data.derived import COLUMNS, MANIFEST, TABLE, Manifest, parse_manifest
from agekit.data.failures import FAILURES, read_failures
from agekit.data.readers.rows import Rows, parse_gender, parse_split
from agekit.data.readers.sheet import Sheet, read_sheet, read_text
from agekit.data.table import SPLITS, FaceTable, Problem
from agekit.errors import DataError

__all__ = ["PLAN", "is_prepared", "read_prepared", "write_table"]

PLAN = "prepare.json"
"""What the folder was begun with; there from the first chip on."""

_GENDERS = ("male", "female")
_DIGEST = re.compile("[0-9a-f]{32}")


def is_prepared(place: Path) -> bool:
    """Whether a folder holds chips that were prepared, or are being prepared."""
    return (place / MANIFEST).is_file() or (place / PLAN).is_file()


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
    sheet.writerows(_cells(table, paths))
    write_text(folder / TABLE, text.getvalue())
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")


def read_prepared(folder: Path) -> tuple[FaceTable, Manifest]:
    """Reads the table and the manifest of prepared chips.

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
    manifest = parse_manifest(read_text(folder / MANIFEST), str(folder / MANIFEST))
    sheet = read_sheet(folder / TABLE)
    columns = {name: sheet.column(name) for name in COLUMNS}
    if len(sheet) != manifest.rows:
        raise DataError(
            f"{folder / TABLE} has {len(sheet):,} rows, and {MANIFEST} speaks of "
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
    return replace(table, origin=origin, problems=problems), manifest


def _failures(folder: Path) -> list[Problem]:
    try:
        return read_failures(folder)
    except OSError as error:
        raise DataError(f"{folder / FAILURES}: cannot be read: {error.strerror}") from None


def _cells(table: FaceTable, paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for i, (path, key) in enumerate(zip(paths, table.content_keys(), strict=True)):
        known = table.sigma[i] == table.sigma[i]
        yield (
            path,
            str(table.age[i]),
            str(table.sigma[i]) if known else "",
            str(table.identity[i]) if table.identity[i] >= 0 else "",
            _GENDERS[table.gender[i]] if table.gender[i] >= 0 else "",
            table.group_names[table.group[i]] if table.group[i] >= 0 else "",
            SPLITS[table.split[i]] if table.split[i] >= 0 else "",
            key.tobytes().hex(),
        )


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
    gender, split = parse_gender(cell["gender"]), parse_split(cell["split"])
    odd = {
        "identity": identity is None,
        "gender": gender is None,
        "group": group not in ("", *manifest.group_names),
        "split": split is None,
    }
    before = len(rows)
    rows.add(
        path,
        sheet.number(cell["age"]),
        sigma=sheet.number(cell["sigma"]),
        identity=-1 if identity is None else identity,
        gender=-1 if gender is None else gender,
        group="" if odd["group"] else group,
        split=split or "",
        where=where,
    )
    if len(rows) > before:
        origins[rows.find(path) or path] = bytes.fromhex(cell["origin"])
        for column in (name for name, is_odd in odd.items() if is_odd):
            rows.problem(column, path, f"{where}: {cell[column]!r} taken as unknown", kept=True)


def _identity(text: str) -> int | None:
    """The number, -1 for no text, None for what is no number of a person."""
    if not text:
        return -1
    usable = text.isdecimal() and len(text) <= 19 and int(text) < 2**63
    return int(text) if usable else None
