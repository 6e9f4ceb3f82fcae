"""Output of commands: lines, tables, one JSON document, and the console for progress."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import asdict, is_dataclass
from os import PathLike, fspath
from pathlib import Path
from shutil import get_terminal_size
from typing import IO, TYPE_CHECKING, Any

import click

from agekit.atomic import written

if TYPE_CHECKING:
    from _typeshed import SupportsWrite
    from rich.console import Console

__all__ = [
    "STDOUT",
    "check_table",
    "console",
    "csv_table",
    "emit_json",
    "fits",
    "only_json_on_stdout",
    "print_table",
    "printable",
    "say",
    "shown",
    "to_plain",
]

STDOUT = "-"
"""For `--csv`: the stream, not a file."""
_NO_LIMIT = 10_000
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
"""Control characters, those that turn the direction of writing, and bytes that are no text."""


def printable(text: str) -> str:
    """A name in one line as a terminal may show it, with escapes for what would steer it."""
    return text.translate(_ESCAPES)


def shown(text: str, plain: str) -> str:
    """A text as far as stdout's encoding can show it; else `plain`."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return plain
    return text


def say(message: str, *, err: bool = True) -> None:
    """Writes a message, to stderr if not told otherwise, with nothing in it to steer a terminal."""
    click.echo("\n".join(map(printable, message.split("\n"))), err=err)


def emit_json(document: object) -> None:
    """Writes one JSON document to stdout; NaN and infinities become null, paths become text.

    Of a list, each item is a line.
    """
    plain = to_plain(document)
    if isinstance(plain, list) and plain:
        items = (json.dumps(item, allow_nan=False) for item in plain)
        click.echo("[\n" + ",\n".join(items) + "\n]")
    else:
        click.echo(json.dumps(plain, allow_nan=False))


@contextmanager
def only_json_on_stdout(as_json: bool) -> Iterator[None]:
    """While it lasts, what anything prints goes to stderr if the command answers in JSON."""
    if as_json:
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def check_table(place: str | None, as_json: bool) -> None:
    """Refuses a place for `--csv` that cannot be, before any work.

    Raises:
        click.UsageError: it is no file, or is stdout, where `--json` answers.
    """
    if place == STDOUT:
        if as_json:
            raise click.UsageError("--json and --csv - both answer on stdout: give one of them.")
    elif place is not None and os.path.exists(place) and not os.path.isfile(place):
        raise click.UsageError(f"--csv {place} is not a file; - is stdout.")


@contextmanager
def csv_table(place: str, columns: Sequence[str]) -> Iterator[Callable[[Sequence[object]], object]]:
    """Gives what writes a row; UTF-8, the columns' names first.

    Args:
        place: the file, which appears when all is done; or ``-``, stdout.
        columns: their names.
    """
    with ExitStack() as stack:
        if place == STDOUT:
            file: SupportsWrite[str] = _Utf8(sys.stdout)
        else:
            path = stack.enter_context(written(Path(place)))
            file = stack.enter_context(open(path, "w", -1, "utf-8", "surrogateescape", newline=""))
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        yield table.writerow


class _Utf8:
    """Writes text to a stream as UTF-8, whatever the stream's own encoding."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        click.echo(text.encode("utf-8", "surrogateescape"), self.stream, nl=False)


def console() -> Console:
    """A rich console on stderr, for progress and remarks."""
    from rich.console import Console

    return Console(stderr=True)


def fits(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """True if no cell of a table is folded: on a terminal of fewer columns some are."""
    widths = (max(len(str(row[k])) for row in (columns, *rows)) for k in range(len(columns)))
    whole = sum(widths) + 2 * (len(columns) - 1)
    return not sys.stdout.isatty() or whole <= get_terminal_size().columns


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None
) -> None:
    """Prints a rich table to stdout; None is an empty cell, numbers align to the right.

    Into a pipe or a file, no row is folded.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    body = [list(row) for row in rows]
    if title is not None:
        click.echo(title)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = body and all(isinstance(row[index], int | float | None) for row in body)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else _NO_LIMIT).print(table)


def to_plain(value: Any) -> Any:
    """A value as JSON holds it: NaN and infinities are None, paths and keys text, arrays lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, PathLike):
        return fspath(value)
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    return [to_plain(item) for item in value]
