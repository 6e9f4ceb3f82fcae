"""Pieces of Markdown that model cards are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "bullets",
    "clean",
    "code",
    "count",
    "figure",
    "interval",
    "linked",
    "mapping",
    "mappings",
    "plain",
    "table",
]

NONE = "-"
_MARKUP = re.compile(r"([\\`*_\[\]<>|&~#$!])")
_ARXIV = re.compile(r"arXiv[ :](\d{4}\.\d{4,5})")
_FIGURE = re.compile(r"[-+]?\d|-$")
_URL = re.compile(r"https?://[^\s<>]+")


def clean(text: object) -> str:
    """Any text on one line; what cannot be shown is marked."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "\ufffd" for c in line) or NONE


def plain(text: object) -> str:
    """Any text on one line that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", clean(text))


def code(text: object) -> str:
    """A name as it is typed."""
    return f"`{clean(text).replace('`', chr(39))}`"


def linked(text: object) -> str:
    """As `plain`; a text that is an address is a link, and so is a number of arXiv in it."""
    if _URL.fullmatch(clean(text)):
        return f"<{clean(text)}>"
    return _ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", plain(text))


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns of figures are set to the right."""
    cells = [[plain(cell) for cell in row] for row in rows]
    figures = [all(map(_FIGURE.match, column)) for column in zip(*cells, strict=True)]
    rule = ["---"] * len(head) if not cells else ["---:" if figure else "---" for figure in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *cells])


def count(number: object) -> str:
    """A number with commas; anything else as it is."""
    return f"{number:,}" if isinstance(number, int) else plain(number)


def figure(row: Mapping[str, Any], key: str, form: str = ".2f") -> str:
    """One of the figures of a row, or a dash where it has none."""
    value = row.get(key)
    return NONE if value is None else format(value, form)


def interval(ends: Sequence[float] | None, form: str = ".2f") -> str:
    """The ends of an interval, or a dash."""
    return NONE if not ends else f"{ends[0]:{form}} to {ends[1]:{form}}"


def mapping(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping that `owner` has under `key`; an empty one where there is none."""
    value = owner.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(owner: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in the list that `owner` has under `key`; none where there is no list."""
    value = owner.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
