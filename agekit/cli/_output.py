"""What every command shares: machine output, tables, and the options that mean the same."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, is_dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "as_chips_option",
    "columns_option",
    "console",
    "device_option",
    "emit_json",
    "given",
    "json_option",
    "only_json_on_stdout",
    "out_option",
    "print_table",
    "printable",
    "protocol_option",
    "refuse",
    "root_option",
    "say",
    "seed_option",
    "set_option",
    "split_option",
    "to_plain",
]

Command = TypeVar("Command", bound=Callable[..., Any])
_NO_LIMIT = 10_000
_NEXT_COLUMN = re.compile(r",(?=\s*\w+\s*=)")
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
"""Control characters, those that turn the direction of writing, and bytes that are no text."""
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def printable(text: str) -> str:
    """A name in one line as a terminal may show it, with escapes for what would steer it."""
    return text.translate(_ESCAPES)


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


def given(*, but: Iterable[str] = ()) -> list[str]:
    """The options that the command line names, as it may write them, but for some.

    Args:
        but: parameters to leave out, by the names the command's function has for them.
    """
    context = click.get_current_context()
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if isinstance(parameter, click.Option)
        and parameter.name not in but
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]


def refuse(why: str, *names: str) -> None:
    """Ends the command where the command line names options that it would drop.

    Args:
        why: what they do not go with, such as ``--no-detect looks for no face``.
        names: parameters, by the names the command's function has for them.

    Raises:
        click.UsageError: some are given.
    """
    command = click.get_current_context().command
    others = {p.name for p in command.params if p.name is not None} - set(names)
    if found := given(but=others):
        raise click.UsageError(f"{why}: leave out {', '.join(found)}")


@contextmanager
def only_json_on_stdout(as_json: bool) -> Iterator[None]:
    """While it lasts, what anything prints goes to stderr if the command answers in JSON."""
    if as_json:
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def console() -> Console:
    """A rich console on stderr, for progress and remarks."""
    from rich.console import Console

    return Console(stderr=True)


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
    """What JSON can hold: NaN and infinities become None, paths and keys text, arrays lists."""
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


def _check_device(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not one of auto, cpu, cuda, cuda:N.")
    return value


def _check_settings(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        key, equals, _ = value.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise click.BadParameter(f"{value!r} is not of the form a.b=value.")
    return values


def as_chips_option(command: Command) -> Command:
    """``--as-chips``."""
    return click.option(
        "--as-chips",
        is_flag=True,
        help="Take the images of a dataset of whole photos as face chips all the same.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json` → `as_json: bool`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Answer with one JSON document on stdout."
    )(command)


def device_option(command: Command) -> Command:
    """`--device` → `device: str`, one of auto, cpu, cuda, cuda:N."""
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        callback=_check_device,
        metavar="auto|cpu|cuda[:N]",
        help="Where to compute.",
    )(command)


def seed_option(command: Command) -> Command:
    """`--seed` → `seed: int`, 0 to 2^32 - 1."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help="Seed of every random choice.",
    )(command)


def root_option(command: Command) -> Command:
    """`--root` → `root: Path | None`, the folder of the dataset."""
    return click.option(
        "--root",
        type=click.Path(path_type=Path),
        help="Where the dataset lies; else $AGEKIT_DATA/<dataset>.",
    )(command)


def _parse_columns(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = [pair for value in values for pair in _NEXT_COLUMN.split(value)]
    columns: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not (field and equals and column):
            raise click.BadParameter(f"{pair!r} is not of the form path=COLUMN.")
        if columns.setdefault(field, column) != column:
            raise click.BadParameter(f"{field} is named twice.")
    return columns


def columns_option(command: Command) -> Command:
    """`--columns` → `columns: dict[str, str]`, field of the face table → column."""
    return click.option(
        "--columns",
        multiple=True,
        callback=_parse_columns,
        metavar="path=COLUMN,age=COLUMN",
        help="Which column of a csv or Parquet file is which, where they have not their usual "
        "names: path, age, sigma, identity, gender, group, split.",
    )(command)


def protocol_option(command: Command) -> Command:
    """`--protocol` → `protocol: str | None`."""
    return click.option(
        "--protocol",
        metavar="NAME|CSV",
        help="How the dataset is split and scored, or a csv of path and split; else its default.",
    )(command)


def split_option(command: Command) -> Command:
    """`--split` → `split: str`."""
    return click.option(
        "--split",
        type=click.Choice(["train", "val", "test", "all"]),
        default="test",
        show_default=True,
        help="Which rows of the protocol.",
    )(command)


def set_option(command: Command) -> Command:
    """`--set a.b=c`, many times → `settings: tuple[str, ...]`, each checked to be `key=value`."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        callback=_check_settings,
        metavar="A.B=VALUE",
        help="Override one value of the recipe; may be repeated.",
    )(command)


def out_option(command: Command) -> Command:
    """`--out` → `out: Path | None`."""
    return click.option(
        "--out", type=click.Path(path_type=Path), help="Where to write the result."
    )(command)
