"""Records read from JSON: dataclasses whose types carry the checks of their values.

Standard library only, for what is read by the hundred in a quarter of a second. All mistakes are
found at once; each names its place, what must be there, and what is.

    @dataclass(frozen=True, kw_only=True)
    class Point:
        x: Annotated[int, whole_number()]
        name: Annotated[str, matches("[a-z]+", "must be small letters")] = "origin"

    mistakes: list[str] = []
    point = read_record(Point, {"x": 3}, "", mistakes)
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar, get_type_hints

from agekit.errors import nearest

__all__ = [
    "Checked",
    "is_number",
    "mapping",
    "matches",
    "must",
    "nested",
    "one_of",
    "optional",
    "read_record",
    "whole_number",
]

Record = TypeVar("Record")
Checked = Callable[[Any, str, list[str]], Any]
"""Takes a value, its place and the list of mistakes; adds those it finds, and gives the value."""


def must(what: str, good: Callable[[Any], object]) -> Checked:
    """A check by any condition; `what` says which, as in "must be above 0"."""

    def check(value: Any, place: str, mistakes: list[str]) -> Any:
        if not good(value):
            text = repr(value)
            mistakes.append(f"{place}: {what} (got {text[:100]}{'...' * (len(text) > 100)})")
        return value

    return check


def matches(pattern: str, what: str) -> Checked:
    """A text that is a regular expression's from end to end."""
    return must(what, lambda value: isinstance(value, str) and re.fullmatch(pattern, value))


def one_of(*values: object) -> Checked:
    """One of these values, of its type too: True is not 1."""
    return must(
        f"must be {' or '.join(map(repr, values))}",
        lambda value: type(value) in map(type, values) and value in values,
    )


def whole_number(most: float = math.inf) -> Checked:
    """An int from 0 on."""
    what = "must be a whole number from 0" + (f" to {most:,}" if most < math.inf else "")
    return must(what, lambda value: type(value) is int and 0 <= value <= most)


def is_number(value: Any) -> bool:
    """True for an int or a float that is finite; a bool is none."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def mapping(key: Checked, value: Checked, least: int = 0, most: int = 1000) -> Checked:
    """A JSON object of any keys, each checked with its value."""

    def check(found: Any, place: str, mistakes: list[str]) -> Any:
        if not isinstance(found, dict):
            mistakes.append(f"{place} is not a JSON object")
            return found
        if not least <= len(found) <= most:
            mistakes.append(f"{place}: must have {least} to {most:,} keys, and has {len(found):,}")
            return found
        out = {}
        for name, one in found.items():
            before = len(mistakes)
            there = f"{place}.{_shown(name)}"
            key(name, there, mistakes)
            if len(mistakes) == before:
                out[name] = value(one, there, mistakes)
        return out

    return check


def nested(kind: type[Record]) -> Checked:
    """A record of another kind."""
    return lambda value, place, mistakes: read_record(kind, value, place, mistakes)


def optional(check: Checked) -> Checked:
    """A value that `check` takes, or null."""
    return lambda value, place, mistakes: None if value is None else check(value, place, mistakes)


def read_record(kind: type[Record], value: Any, place: str, mistakes: list[str]) -> Record | None:
    """The record that a JSON object holds.

    Args:
        kind: a dataclass of keywords only, each field's type `Annotated` with a check.
        value: what was read.
        place: the dotted path of it, for mistakes; empty at the top.
        mistakes: those that are found are added.

    Returns:
        The record; None where there are mistakes in it.
    """
    if not isinstance(value, dict):
        mistakes.append(f"{place or 'it'} is not a JSON object")
        return None
    before = len(mistakes)
    prefix = f"{place}." if place else ""
    known = _checks(kind)  # type: ignore[arg-type]  # a type is hashable
    for key in value:
        if key not in known:
            mistakes.append(f"{prefix}{_shown(key)}: there is no such key{nearest(key, known)}")
    given = {}
    for name, (check, needed) in known.items():
        if name in value:
            given[name] = check(value[name], prefix + name, mistakes)
        elif needed:
            mistakes.append(f"{prefix}{name}: is missing")
    return kind(**given) if len(mistakes) == before else None


@cache
def _checks(kind: type[Any]) -> dict[str, tuple[Checked, bool]]:
    """By the name of each key of a record, what checks it and whether it is needed."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        one.name: (
            hints[one.name].__metadata__[0],
            one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(kind)
    }


def _shown(key: str) -> str:
    return (key if key.isprintable() else ascii(key))[:100]
