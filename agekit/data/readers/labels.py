"""From a csv of labels, as people and spreadsheets write them, to a face table."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agekit.data.files import Files
from agekit.data.table import FaceTable, Problem
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
_GENDER = {"m": 0, "male": 0, "0": 0, "f": 1, "female": 1, "1": 1}
_SPLIT = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
_EXPECTED = (
    "a header with path (or image, file, filename) and age, and as you have them sigma (std), "
    "identity (id, subject), gender, group (race, ethnicity), split"
)


@dataclass
class _Rows:
    """The columns while they are read."""

    path: list[str] = field(default_factory=list)
    age: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    identity: list[int] = field(default_factory=list)
    gender: list[int] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    split: list[int] = field(default_factory=list)


def read_labels(path: Path, root: Path) -> FaceTable:
    """Reads a csv of labels for images below `root`.

    The delimiter (comma, semicolon or tab) is the one the header has most of. UTF-8 with or
    without a byte order mark, else Latin-1. Rows that name no file, a missing one, or one that
    an earlier row named, and rows without a usable age, become problems.

    Args:
        path: the csv.
        root: the folder its paths are relative to.

    Raises:
        DataError: the file cannot be read, a column is missing, or no row is usable.
    """
    text = io.StringIO(_text(path), newline="")
    delimiter = max(",;\t", key=text.readline().count)
    text.seek(0)
    try:
        table = csv.reader(text, delimiter=delimiter)
        where = _header(path, next(table, []))
        rows, problems = _Rows(), list[Problem]()
        seen: set[str] = set()
        for cells in table:
            if any(cell.strip() for cell in cells):
                values = {k: cells[i].strip() for k, i in where.items() if i < len(cells)}
                line = f"{path.name} line {table.line_num}"
                problems.extend(_add(rows, values, root, line, seen, delimiter))
    except csv.Error as error:
        raise DataError(f"{path}: not a readable csv: {error}") from None
    names = sorted(set(rows.group) - {""})
    codes = {"": -1} | {name: i for i, name in enumerate(names)}
    return FaceTable.build(
        Files(root, rows.path),
        rows.age,
        sigma=rows.sigma,
        identity=rows.identity,
        gender=rows.gender,
        group=[codes[name] for name in rows.group],
        group_names=names,
        split=rows.split,
        problems=problems,
    )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _header(path: Path, cells: list[str]) -> dict[str, int]:
    """Column to its place in a row."""
    found = [cell.strip().lower() for cell in cells]
    where: dict[str, int] = {}
    for column, names in _COLUMNS.items():
        places = [found.index(name) for name in names if name in found]
        if places:
            where[column] = places[0]
    missing = [column for column in ("path", "age") if column not in where]
    if missing:
        shown = ", ".join(found) or "nothing"
        wanted = [name for column in missing for name in _COLUMNS[column]]
        close = next(filter(None, (nearest(name, found, n=1) for name in wanted)), "")
        raise DataError(
            f"{path}: no column {' and no column '.join(missing)}; found: {shown}{close}",
            f"expected: {_EXPECTED}",
        )
    return where


def _add(
    rows: _Rows, values: dict[str, str], root: Path, line: str, seen: set[str], delimiter: str
) -> Iterator[Problem]:
    """Adds one row, or yields what keeps it out; odd optional values are told and left out."""
    name = _relative(values.get("path", ""), root)
    if not name:
        yield Problem("path", line, "no path")
        return
    if name in seen:
        yield Problem("duplicate", name, f"{line} names it again; the first row counts")
        return
    seen.add(name)
    if ".." not in name.split("/") and not os.path.isfile(os.path.join(root, name)):
        yield Problem("missing", name, f"{line}: no such file")
        return
    decimal = "," if delimiter != "," else "."
    age = _number(values.get("age", ""), decimal)
    if age is None:
        yield Problem("age", name, f"{line}: age {values['age']!r} is no number")
        return
    gender, split = values.get("gender", "").lower(), values.get("split", "").lower()
    sigma = _number(values.get("sigma", ""), decimal)
    if sigma is None or sigma < 0:
        yield Problem("sigma", name, f"{line}: sigma {values['sigma']!r} left out")
        sigma = float("nan")
    if gender and gender not in _GENDER:
        yield Problem("gender", name, f"{line}: gender {gender!r} taken as unknown")
    if split and split not in _SPLIT:
        yield Problem("split", name, f"{line}: split {split!r} taken as none")
    rows.path.append(name)
    rows.age.append(age)
    rows.sigma.append(sigma)
    rows.identity.append(_identity(values.get("identity", "")))
    rows.gender.append(_GENDER.get(gender, -1))
    rows.group.append(values.get("group", ""))
    rows.split.append(_SPLIT.get(split, -1))


def _relative(path: str, root: Path) -> str:
    """The path with forward slashes; absolute ones below `root` are made relative to it."""
    name = path.replace("\\", "/")
    if name and os.path.isabs(name):
        for base in (root, Path(os.path.realpath(root))):
            if Path(name).is_relative_to(base):
                return Path(name).relative_to(base).as_posix()
        return name
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/".join(parts)


def _number(text: str, decimal: str) -> float | None:
    """The number, NaN where there is none, None where the text is something else."""
    if not text or text.lower() in ("na", "n/a", "none", "null"):
        return float(np.nan)
    try:
        return float(text.replace(decimal, "."))
    except ValueError:
        return None


def _identity(text: str) -> int:
    """A number for a name, the same on every machine; -1 for none."""
    if text in ("", "-1"):
        return -1
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
