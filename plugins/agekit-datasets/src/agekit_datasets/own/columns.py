"""The columns of a table that are read: by their usual names, or as the user says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agekit.errors import DataError, counted, listed, nearest
from agekit.plugin import COLUMN_NAMES, Columns, usual

__all__ = ["ColumnChoice", "choose"]

_EXPECTED = (
    "a header with path (or image, file, filename) and age, and as you have them sigma (std), "
    "identity (id, subject), gender, group (race, ethnicity), split"
)
_CLASSES = frozenset({"agelabel", "agegroup", "agerange", "agebin", "label"})
"""Columns that give way to one of ages."""
_LOOSE = _CLASSES | {"apparentage", "apparentageavg", "meanage"}
"""Those that may be something else: told where they are taken for the age."""


@dataclass(frozen=True)
class ColumnChoice:
    """The column that each field is read from.

    Attributes:
        index: field → position in the header; a field without a column is not there.
        notes: what was chosen between, and what is not used, for people.
    """

    index: Mapping[str, int]
    notes: tuple[str, ...]


def choose(
    header: Sequence[str],
    where: str,
    *,
    asked: Columns | None = None,
    needed: Sequence[str] = ("path", "age"),
    names: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
    known: Iterable[str] = (),
) -> ColumnChoice:
    """Finds the column of each field by its usual names, or by what the user says.

    Case and separators do not count. Of several usual names the field's own wins, else the first
    in `COLUMN_NAMES`; for the age, where the choice changes what is learned, the user has to say.

    Args:
        header: the columns' names.
        where: what to call the table.
        asked: field → column, as the user says.
        needed: the fields that must be there.
        names: the usual names of each field.
        known: columns that are used otherwise, and so not told as unused.

    Raises:
        DataError: a column is missing, or it is not clear which one is the age.
    """
    asked = asked or {}
    index: dict[str, int] = {}
    notes: list[str] = []
    for field in names:
        if field in asked:
            index[field] = _asked(header, where, field, asked[field])
    for field in names:
        free = set(range(len(header))) - set(index.values())
        found = [k for k in _candidates(header, names[field]) if k in free]
        if field in asked or not found:
            continue
        if field == "age":
            _check_ages(header, where, found)
        index[field] = found[0]
        column = header[found[0]]
        if len(found) > 1:
            others = ", ".join(header[k] for k in found[1:])
            notes.append(f"{where}: the column {column} is taken for the {field}, not {others}")
        elif field == "age" and usual(column) in _LOOSE:
            notes.append(f"{where}: the column {column} is taken for the age")
    _require(header, where, index, needed, names)
    used = {*index.values(), *(k for k, name in enumerate(header) if name in set(known))}
    unused = [name for k, name in enumerate(header) if k not in used and name.strip()]
    if unused:
        count = counted(len(unused), "column is", "columns are")
        notes.append(f"{where}: {count} not used: {listed(unused, 12)}")
    return ColumnChoice(index, tuple(notes))


def _candidates(header: Sequence[str], names: Sequence[str]) -> Iterator[int]:
    """The columns that have one of the names, in the names' order."""
    for name in names:
        for k, column in enumerate(header):
            if usual(column) == usual(name):
                yield k


def _asked(header: Sequence[str], where: str, field: str, column: str) -> int:
    for same in (str.strip, str.lower, usual):
        found = [k for k, name in enumerate(header) if same(name) == same(column)]
        if found:
            return found[0]
    shown = ", ".join(header) or "nothing"
    close = nearest(column.lower(), header)
    raise DataError(f"{where}: no column {column!r}, as named for {field}; found: {shown}{close}")


def _check_ages(header: Sequence[str], where: str, found: Sequence[int]) -> None:
    """Refuses a choice between ages of different kinds, unless one is called just that."""
    first = usual(header[found[0]])
    same = [k for k in found if usual(header[k]) not in _CLASSES]
    if first == "age":
        same = [k for k in found if usual(header[k]) == first]
    if len(same) > 1:
        shown = [header[k] for k in same]
        raise DataError(
            f"{where}: {len(shown)} columns may be the age: {', '.join(shown)}",
            f"say which: --columns age={shown[0]}",
        )


def _require(
    header: Sequence[str],
    where: str,
    index: Mapping[str, int],
    needed: Sequence[str],
    names: Mapping[str, tuple[str, ...]],
) -> None:
    missing = [field for field in needed if field not in index]
    if not missing:
        return
    shown = ", ".join(header) or "nothing"
    free = [name for k, name in enumerate(header) if k not in index.values()]
    wanted = [name for field in missing for name in names[field]]
    close = next(filter(None, (nearest(name, free, n=1) for name in wanted)), "")
    example = ",".join(f"{field}=COLUMN" for field in missing)
    bare = any(name.replace(".", "").isdecimal() for name in header)
    first = "the first line has to name the columns; " if bare else ""
    raise DataError(
        f"{where}: no column {' and no column '.join(missing)}; found: {shown}{close}",
        f"{first}expected: {_EXPECTED}; of another name: --columns {example}",
    )
