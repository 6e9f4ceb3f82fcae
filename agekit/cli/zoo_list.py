"""``agekit zoo list``: the models that can be had by their names; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.options import json_option, refuse
from agekit.cli.output import emit_json
from agekit.discovery import normalise
from agekit.errors import nearest
from agekit.registry import TASKS

if TYPE_CHECKING:
    from agekit.zoo.index.listing import Listing

__all__ = ["list_"]

_COLUMNS = ("name", "task", "MAE", "trained on", "parameters", "MB", "here", "to install")
_NUMBERS = (2, 4, 5)


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
    help="The smallest first; models without the number last.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print the names alone.")
@json_option
def list_(
    patterns: tuple[str, ...],
    exclude: tuple[str, ...],
    task: str | None,
    dataset: str | None,
    backbone: str | None,
    plugin: str | None,
    here: bool,
    sort: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """List the models that can be had by their names.

    A PATTERN such as 'cen-*' chooses some. Nothing is fetched, and no plugin imported.
    """
    if as_json:
        refuse("--json answers with all that is known", "quiet")
    from agekit.zoo.index.cached import folders_here
    from agekit.zoo.index.entries import read_index

    index = read_index()
    folders = folders_here(index.listings.values())
    wanted = [
        listing
        for listing in index.listings.values()
        if _matches(listing.name, patterns or ("*",))
        and not _matches(listing.name, exclude)
        and task in (None, listing.task)
        and (dataset is None or fnmatchcase(listing.dataset, dataset))
        and (backbone is None or fnmatchcase(listing.backbone, backbone))
        and (plugin is None or _concerns(listing, plugin))
        and (not here or listing.name in folders)
    ]
    wanted.sort(key=lambda listing: _rank(listing, sort))
    if as_json:
        emit_json([_document(listing, listing.name in folders) for listing in wanted])
    elif quiet:
        click.echo("".join(f"{listing.name}\n" for listing in wanted), nl=False)
    elif wanted:
        click.echo(_table([_row(listing, listing.name in folders) for listing in wanted]))
    for remark in index.remarks:
        click.echo(f"unusable: {remark}", err=True)
    if not wanted and not as_json:
        meant = nearest(patterns[0], index.listings) if patterns else ""
        click.echo(f"no model{' matches' if index.listings else ' is known'}{meant}", err=True)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _concerns(listing: Listing, plugin: str) -> bool:
    return normalise(plugin) in {normalise(name) for name in (listing.giver, *listing.requires)}


def _rank(listing: Listing, sort: str) -> tuple[float, str]:
    if sort == "mae":
        return listing.metrics.get("mae", float("inf")), listing.name
    number = {"parameters": listing.parameters, "bytes": listing.bytes}.get(sort, 0)
    return number, listing.name


def _document(listing: Listing, here: bool) -> dict[str, Any]:
    from agekit.zoo.requires import missing

    return {
        "name": listing.name,
        "task": listing.task,
        "source": listing.source,
        "cached": here,
        "parameters": listing.parameters,
        "bytes": listing.bytes,
        "metrics": listing.metrics,
        "description": listing.description,
        "revision": listing.revision,
        "backbone": listing.backbone,
        "protocol": listing.protocol,
        "licence": listing.licence,
        "requires": listing.requires,
        "missing": missing(listing.requires),
        "giver": listing.giver,
    }


def _row(listing: Listing, here: bool) -> tuple[str, ...]:
    from agekit.zoo.requires import install_command

    mae = listing.metrics.get("mae")
    return (
        listing.name,
        listing.task,
        "" if mae is None else f"{mae:.2f}",
        listing.protocol,
        f"{listing.parameters:,}",
        f"{listing.bytes / 1e6:.1f}",
        "yes" if here else "no",
        install_command(listing.requires),
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    """Aligned columns; no row is folded."""
    cells = [_COLUMNS, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_COLUMNS))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([click.style(lines[0], bold=True), *lines[1:]])
