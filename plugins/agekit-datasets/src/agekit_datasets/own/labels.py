"""Tables of labels, as people and spreadsheets write them, read as a face table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agekit.errors import DataError, counted
from agekit.plugin import (
    COLUMN_NAMES,
    Columns,
    FaceTable,
    Rows,
    Sheet,
    is_image,
    parse_split,
    read_lines,
    read_sheet,
)
from agekit_datasets.own.ages import Ranges, parse_age, why_no_age
from agekit_datasets.own.columns import choose

__all__ = ["TABLES", "LabelTable", "find_labels", "read_labels", "read_tables"]

TABLES = (".csv", ".tsv", ".jsonl")
"""The endings of tables of labels."""
_MANY = 10
_METADATA = tuple(f"metadata{ending}" for ending in (".csv", ".jsonl", ".parquet"))
"""How the Hub's image folders name theirs; its paths are relative to the folder it lies in."""


@dataclass(frozen=True)
class LabelTable:
    """A table of labels.

    Attributes:
        path: the file.
        below: the folder below the root that its paths are relative to, "" or ending in a slash.
        split: of all its rows that name none.
    """

    path: Path
    below: str = ""
    split: str = ""


def find_labels(root: Path) -> list[LabelTable]:
    """The tables of labels of a folder.

    That is ``labels.csv``, else the ``metadata`` of an image folder of the Hub, in the folder
    itself or in those of its splits, else the files that are called as splits are (``train.csv``
    and ``test.csv``), else all others that end as tables do.
    """
    there = sorted(p for p in root.iterdir() if p.is_file())
    for name in ("labels.csv", *_METADATA):
        if named := [p for p in there if p.name.lower() == name]:
            return [LabelTable(named[0])]
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if inner := [
        LabelTable(p, f"{folder.name}/")
        for folder in folders
        for p in sorted(folder.iterdir())
        if p.name.lower() in _METADATA
    ]:
        return inner
    tables = [p for p in there if p.suffix.lower() in TABLES and not p.name.startswith(".")]
    splits = {p: parse_split(p.stem) or "" for p in tables}
    if len(tables) > 1 and all(splits.values()):
        return [LabelTable(p, split=split) for p, split in splits.items()]
    return [LabelTable(p) for p in tables]


def read_labels(path: Path, root: Path, columns: Columns | None = None) -> FaceTable:
    """Reads one table; see `read_tables`."""
    return read_tables([LabelTable(path)], root, columns)


def read_tables(
    tables: Sequence[LabelTable], root: Path, columns: Columns | None = None
) -> FaceTable:
    """Reads tables of labels for images below `root`.

    Rows that name no file, a missing one, or one that an earlier row named, and rows without a
    usable age, become problems. Ages may be ranges, see `parse_age`. Without a column of splits,
    the folders that the images lie in say them, see `folder_splits`.

    Args:
        tables: the tables.
        root: the folder that their paths are relative to.
        columns: field → column, where they have not their usual names.

    Raises:
        DataError: a file cannot be read, a column is missing, or no row is usable.
    """
    rows, ranges = Rows(root), Ranges()
    for table in tables:
        sheet = _read(table.path)
        chosen = choose(sheet.header, str(table.path), asked=columns)
        rows.notes.extend(chosen.notes)
        for i, cells in enumerate(sheet.rows):
            if any(cells[len(sheet.header) :]):
                heads = counted(len(sheet.header), "column")
                advice = f"{counted(len(cells), 'cell')} for {heads}: quote what has a "
                name = cells[chosen.index["path"]]
                rows.problem("cells", name, f"{sheet.where(i)}: {advice}{sheet.delimiter!r} in it")
                continue
            cell = {
                field: cells[k] if (k := chosen.index.get(field, len(cells))) < len(cells) else ""
                for field in COLUMN_NAMES
            }
            if cell["path"]:
                cell["path"] = table.below + cell["path"]
            cell["split"] = cell["split"] or table.split
            age = parse_age(cell["age"], decimal_comma=sheet.decimal_comma)
            sigma = sheet.number(cell["sigma"])
            added = rows.add(
                cell["path"],
                why_no_age(cell["age"]) if age is None else age.years,
                sigma=age.sigma if age is not None and sigma != sigma else sigma,
                identity=cell["identity"],
                gender=cell["gender"],
                group=cell["group"],
                split=cell["split"],
                where=sheet.where(i),
            )
            if added and age is not None:
                ranges.add(cell["age"], age)
    rows.notes.extend(ranges.notes())
    rows.notes.extend(_unused(rows, [table.path for table in tables]))
    rows.take_folder_splits()
    faces = rows.build()
    if len(faces) >= _MANY and faces.age.max() <= 1:
        note = (
            f"all {len(faces):,} ages are from 0 to 1 year: if they were scaled, or are classes, "
            "turn them back into years"
        )
        faces = replace(faces, notes=(*faces.notes, note))
    return faces


def _unused(rows: Rows, tables: Sequence[Path]) -> Iterator[str]:
    """Notes on what lies in the folder and is in no row: tables and images."""
    others = [p for p in rows.files if "/" not in p and Path(p).suffix.lower() in TABLES]
    if unread := [name for name in others if rows.root / name not in tables]:
        yield f"{rows.root}: tables that are not used: {', '.join(unread)}"
    named = rows.named()
    if unnamed := [path for path in rows.files if is_image(path) and path not in named]:
        are = counted(len(unnamed), "image is", "images are")
        yield f"{rows.root}: {are} in no row, such as {unnamed[0]}"


def _read(path: Path) -> Sheet:
    """A table of any of the endings; every other file is taken for a csv."""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return _sheet(path, _json_lines(path))
    if suffix == ".parquet":
        return _sheet(path, list(enumerate(_parquet_rows(path), 1)))
    return read_sheet(path)


def _json_lines(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, line in enumerate(read_lines(path), 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} line {number}: not a line of JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f"{path} line {number}: expected a JSON object of columns")
        rows.append((number, row))
    return rows


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from None
    return rows


def _sheet(path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Sheet:
    header = list(dict.fromkeys(key for _, row in rows for key in row))
    cells = tuple(
        tuple("" if row.get(key) is None else str(row[key]).strip() for key in header)
        for _, row in rows
    )
    names = tuple(key.strip().lower() for key in header)
    return Sheet(path, names, cells, tuple(number for number, _ in rows), ",")
