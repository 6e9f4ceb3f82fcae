"""``agekit zoo list``: the models that can be had by their names; nothing is fetched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agekit.cli.options import json_option, refuse
from agekit.cli.output import emit_json, fits
from agekit.discovery import normalise
from agekit.errors import nearest
from agekit.registry import TASKS
from agekit.zoo.index import IndexedModel, read_index
from agekit.zoo.locate import folders_here
from agekit.zoo.requires import install_command, missing

if TYPE_CHECKING:
    from agekit.zoo.entry import ZooEntry

__all__ = ["list_"]

_COLUMNS: tuple[str, ...] = (
    "name",
    "task",
    "MAE",
    "trained and tested on",
    "parameters",
    "MB",
    "here",
    "to install",
)
_NUMBERS = (2, 4, 5)
_COMPARE = "compare them within one, or by `agekit evaluate` on the same faces"


class _Filter(NamedTuple):
    """The options that choose models."""

    patterns: tuple[str, ...]
    exclude: tuple[str, ...]
    task: str | None
    dataset: str | None
    backbone: str | None
    plugin: str | None
    here: bool

    def takes(self, model: IndexedModel, here: bool) -> bool:
        """True if a model is one of them."""
        entry = model.entry
        parts = [one.partition(":")[0] for one in _protocol(entry).split("+")]
        givers = {normalise(name) for name in (model.provider, *entry.requires)}
        return (
            any(fnmatchcase(entry.name, pattern) for pattern in self.patterns)
            and not any(fnmatchcase(entry.name, pattern) for pattern in self.exclude)
            and self.task in (None, entry.task)
            and (
                self.dataset is None
                or any(fnmatchcase(name, self.dataset) for name in (*parts, "+".join(parts)))
            )
            and (self.backbone is None or fnmatchcase(entry.backbone, self.backbone))
            and (self.plugin is None or normalise(self.plugin) in givers)
            and (here or not self.here)
        )


@click.command("list")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these names out.")
@click.option("--task", type=click.Choice(TASKS.names()), help="Only these.")
@click.option("--dataset", metavar="PATTERN", help="Only what was trained on it.")
@click.option("--backbone", metavar="PATTERN", help="Only with this backbone or generator.")
@click.option("--plugin", metavar="NAME", help="Only what this distribution gives or is needed by.")
@click.option("--here", is_flag=True, help="Only those whose weights are on this machine.")
@click.option(
    "--sort",
    type=click.Choice(["name", "mae", "parameters", "bytes"]),
    default="name",
    show_default=True,
    help="The smallest first; models without the number last. Errors are sorted within each test "
    "set: those of two cannot be compared.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print the names alone.")
@json_option
def list_(patterns: tuple[str, ...], sort: str, quiet: bool, as_json: bool, **filters: Any) -> None:
    """List the models that can be had by their names.

    A PATTERN such as 'cen-*' chooses some. Nothing is fetched, and no plugin imported.
    """
    if as_json:
        refuse("--json answers with all that is known", "quiet")
    index = read_index()
    folders = folders_here(index.models.values())
    chosen = _Filter(patterns or ("*",), **filters)
    wanted = [model for name, model in index.models.items() if chosen.takes(model, name in folders)]
    wanted.sort(key=lambda model: _rank(model.entry, sort))
    if as_json:
        emit_json([_document(model, model.entry.name in folders) for model in wanted])
    elif quiet:
        click.echo("".join(f"{model.entry.name}\n" for model in wanted), nl=False)
    elif wanted:
        columns, rows = _COLUMNS, [_row(m.entry, m.entry.name in folders) for m in wanted]
        if not any(row[-1] for row in rows):  # Where all is installed nothing is said of it.
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        short = {} if fits(columns, rows) else _short(wanted)
        if short:
            columns = (*columns[:4], "params", *columns[5:])
            pairs = zip(rows, wanted, strict=True)
            rows = [_shortened(row, model.entry, short) for row, model in pairs]
        click.echo(_table([columns, *rows]))
        sets = {_protocol(model.entry) for model in wanted if "mae" in model.entry.metrics}
        if len(sets) > 1:
            click.echo(f"note: the errors are of {len(sets)} test sets; {_COMPARE}", err=True)
        if usual := [f"{m.entry.name} ({m.entry.task})" for m in wanted if m.entry.default]:
            click.echo(f"note: used where no model is named: {', '.join(usual)}", err=True)
        if told := sorted(one for one in short if ":" in one):
            click.echo(f"note: split by {', '.join(told)}", err=True)
    for warning in index.warnings:
        click.echo(f"unusable: {warning}", err=True)
    if not wanted and not as_json:
        meant = nearest(patterns[0], index.models) if patterns else ""
        click.echo(f"no model{' matches' if index.models else ' is known'}{meant}", err=True)


def _rank(entry: ZooEntry, sort: str) -> tuple[bool, str, float, str]:
    """The key that models are sorted by; errors within their test set, as two sets' say nothing."""
    if sort == "mae":
        if (mae := entry.metrics.get("mae")) is None:
            return True, "", 0, entry.name
        return False, _protocol(entry), mae, entry.name
    number = {"parameters": entry.parameters, "bytes": entry.bytes}.get(sort, 0)
    return False, "", number, entry.name


def _protocol(entry: ZooEntry) -> str:
    """The protocol a model was trained on, or where that is unknown the dataset."""
    return entry.data.protocol or entry.data.dataset


def _document(model: IndexedModel, here: bool) -> dict[str, Any]:
    entry = model.entry
    return {
        "name": entry.name,
        "task": entry.task,
        "source": entry.source,
        "cached": here,
        "parameters": entry.parameters,
        "bytes": entry.bytes,
        "metrics": entry.metrics,
        "default": entry.default,
        "description": entry.description,
        "revision": entry.revision,
        "backbone": entry.backbone,
        "protocol": _protocol(entry),
        "licence": entry.licence,
        "requires": entry.requires,
        "missing": missing(entry.requires),
        "giver": model.provider,
    }


def _short(models: Sequence[IndexedModel]) -> dict[str, str]:
    """The protocols that are the only one of their dataset, by the dataset's name."""
    splits = {one for m in models for one in _protocol(m.entry).split("+")}
    named = Counter(one.partition(":")[0] for one in splits)
    return {one: data for one in splits if named[data := one.partition(":")[0]] == 1}


def _shortened(row: tuple[str, ...], entry: ZooEntry, short: Mapping[str, str]) -> tuple[str, ...]:
    """A row with datasets in place of protocols, and millions of parameters."""
    data = "+".join(short.get(one, one) for one in _protocol(entry).split("+"))
    size = f"{entry.parameters / 1e6:.2f} M" if entry.parameters else "0"
    return (*row[:3], data, size, *row[5:])


def _row(entry: ZooEntry, here: bool) -> tuple[str, ...]:
    mae = entry.metrics.get("mae")
    return (
        entry.name,
        entry.task,
        "" if mae is None else f"{mae:.2f}",
        _protocol(entry),
        f"{entry.parameters:,}",
        f"{entry.bytes / 1e6:.1f}",
        "yes" if here else "no",
        install_command(entry.requires),
    )


def _table(cells: list[tuple[str, ...]]) -> str:
    """Aligned columns; no row is folded."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([click.style(lines[0], bold=True), *lines[1:]])
