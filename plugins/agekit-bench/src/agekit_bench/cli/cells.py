"""Options that choose the cells of a suite, and tables of cells, for several commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from agekit.cli.output import fits, print_table
from agekit.errors import counted

if TYPE_CHECKING:
    from agekit_bench.cost import Costs
    from agekit_bench.datasets import DatasetLocation
    from agekit_bench.plan import CellStatus
    from agekit_bench.suite import Suite

__all__ = [
    "Chosen",
    "Command",
    "cell_options",
    "cells_json",
    "gathering",
    "pairs",
    "plan_suite",
    "print_cells",
]

Command = TypeVar("Command", bound=Callable[..., Any])
Context = click.Context
_MOST_EPOCHS = 1_000_000
_YEAR = 365.25 * 24 * 3600


@dataclass(frozen=True)
class Chosen:
    """The values of the options of `cell_options`: which cells, and where data and weights lie.

    Attributes:
        only: globs.
        seeds: in place of the suite's.
        preset: in place of the rows'.
        epochs: of each generation.
        protocols: in place of the suite's.
        roots: folders by dataset.
        columns: field → column of tables of the user's own.
        weights: models that rows start from, by name.
    """

    only: Sequence[str]
    seeds: Sequence[int] | None
    preset: str | None
    epochs: int | None
    protocols: Sequence[str]
    roots: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


def plan_suite(
    suite: str, chosen: Chosen, out: Path | None
) -> tuple[Suite, Path, dict[str, DatasetLocation], list[CellStatus]]:
    """Loads a suite and finds where its cells stand.

    Args:
        suite: its name, or a YAML file.
        chosen: which cells, and where the datasets lie.
        out: the folder of results; None is ``bench/SUITE``.

    Returns:
        The suite, the folder of results, where each dataset lies, and the cells.
    """
    from agekit.errors import ConfigError
    from agekit_bench.catalog import load_suite
    from agekit_bench.cells import cells
    from agekit_bench.datasets import locate_datasets, name_columns
    from agekit_bench.plan import plan

    loaded = load_suite(suite)
    found = cells(
        loaded,
        only=chosen.only,
        seeds=chosen.seeds,
        preset=chosen.preset,
        epochs=chosen.epochs,
        protocols=chosen.protocols or None,
    )
    folder = out or Path("bench") / loaded.name
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file, and results go to a folder", "choose another --out")
    places = locate_datasets(found, loaded, {name: Path(at) for name, at in chosen.roots.items()})
    planned = plan(found, folder, places, chosen.weights)
    return loaded, folder, name_columns(places, chosen.columns), planned


def gathering(into: str, value: type[Any]) -> Callable[[Command], Command]:
    """Options that are fields of a dataclass go to the command as one value of it.

    Args:
        into: what the command calls the value.
        value: the dataclass; fields without an option keep their defaults.
    """
    names = {one.name for one in fields(value)}

    def wrap(command: Command) -> Command:
        @wraps(command)
        def gathered(*arguments: Any, **given: Any) -> Any:
            mine = {name: given.pop(name) for name in names & given.keys()}
            return command(*arguments, **{into: value(**mine)}, **given)

        return cast(Command, gathered)

    return wrap


def pairs(what: str) -> Callable[[Context, click.Parameter, Sequence[str]], dict[str, str]]:
    """A callback that turns ``NAME=VALUE`` options into a mapping.

    Args:
        what: how one is written, for messages.
    """

    def parse(
        context: Context, parameter: click.Parameter, values: Sequence[str]
    ) -> dict[str, str]:
        out: dict[str, str] = {}
        for value in values:
            name, equals, rest = value.partition("=")
            if not equals or not name or not rest:
                raise click.BadParameter(f"{value!r} is not of the form {what}.")
            out[name] = rest
        return out

    return parse


def _seeds(context: Context, parameter: click.Parameter, value: str | None) -> list[int] | None:
    if value is None:
        return None
    try:
        seeds = [int(part) for part in value.split(",")]
    except ValueError:
        seeds = [-1]
    if any(not 0 <= seed < 2**32 for seed in seeds):
        raise click.BadParameter(f"{value!r} is not of the form 0,1,2.")
    return list(dict.fromkeys(seeds))


def _roots_option(command: Command) -> Command:
    """`--root DATASET=DIR`, many times → `roots: dict[str, str]`."""
    return click.option(
        "--root",
        "roots",
        multiple=True,
        metavar="DATASET=DIR",
        callback=pairs("DATASET=DIR"),
        help="Where a dataset lies; else $AGEKIT_DATA/DATASET. May be repeated.",
    )(command)


def cell_options(command: Command) -> Command:
    """Options for which cells, how large, and where their datasets lie → `chosen: Chosen`.

    `--only`, `--seeds`, `--preset`, `--epochs`, `--protocol` and `--root`; and whatever else of
    `Chosen` the command has options for.
    """
    whole = _roots_option(gathering("chosen", Chosen)(command))
    for option in (
        click.option(
            "--protocol",
            "protocols",
            multiple=True,
            metavar="DATASET[:NAME]",
            help="In place of the suite's protocols; may be repeated.",
        ),
        click.option(
            "--epochs", type=click.IntRange(1, _MOST_EPOCHS), help="Epochs of each generation."
        ),
        click.option("--preset", metavar="NAME", help="In place of the rows' presets."),
        click.option(
            "--seeds",
            metavar="0,1,2",
            callback=_seeds,
            help="In place of the suite's; rows that name their own keep these.",
        ),
        click.option(
            "--only",
            multiple=True,
            metavar="GLOB",
            help="Only rows, recipes, backbones, protocols or cells that match; may be repeated.",
        ),
    ):
        whole = option(whole)
    return whole


def print_cells(planned: Sequence[CellStatus], costs: Costs) -> None:
    """A line for each row on each protocol, and what all of it will take."""
    grouped: dict[tuple[str, str, str], list[CellStatus]] = {}
    for one in planned:
        cell = one.cell
        grouped.setdefault((cell.row, cell.recipe_name, cell.protocol), []).append(one)
    rows: list[list[Any]] = []
    for (row, recipe, protocol), several in grouped.items():
        first = several[0].cell
        count = costs.parameters[first.name]
        seeds = ",".join(str(p.cell.seed) for p in several)
        size = None if count is None else f"{count / 1e6:.2f} M"
        each = costs.seconds[first.name]
        rows.append([row, recipe, protocol, seeds, _states(several), size, _time(each)])
    heads, title = ["row", "recipe", "protocol", "seeds", "state", "parameters", "each"], None
    if len({protocol for _, _, protocol in grouped}) == 1 and not fits(heads, rows):
        heads, title = [*heads[:2], "seeds", "state", "params", "each"], rows[0][2]
        rows = [[*row[:2], *row[3:]] for row in rows]
    print_table(heads, rows, title=title)
    total, unknown = costs.total(planned)
    source = "results there are" if costs.from_results else "a rate measured elsewhere"
    if unknown and not total:
        click.echo(f"No estimate: nothing is known of speeds on {costs.device}.")
        return
    text = f"An estimate for one job on {costs.device}, by {source}: {_time(total) or '0:00:00'}"
    click.echo(
        text + (f", and {counted(unknown, 'cell')} of which nothing is known." if unknown else ".")
    )


def cells_json(
    planned: Sequence[CellStatus], out: Path, costs: Costs | None = None
) -> list[dict[str, Any]]:
    """The cells as plain data."""
    return [
        {
            "cell": one.cell.name,
            "row": one.cell.row,
            "recipe": one.cell.recipe_name,
            "protocol": one.cell.protocol,
            "seed": one.cell.seed,
            "state": one.state,
            "why": one.why,
            "result": str(one.cell.path(out)) if one.result is not None else None,
            "metrics": (
                one.result.final.metrics if one.result and one.result.status == "done" else None
            ),
            **(
                {}
                if costs is None
                else {
                    "parameters": costs.parameters[one.cell.name],
                    "estimated_seconds": costs.seconds[one.cell.name],
                }
            ),
        }
        for one in planned
    ]


def _states(several: Sequence[CellStatus]) -> str:
    counts: dict[str, int] = {}
    for one in several:
        counts[one.state] = counts.get(one.state, 0) + 1
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    years = seconds / _YEAR
    if years >= 1e6:
        return "over a million years"
    return f"{years:,.0f} years" if years >= 10 else str(timedelta(seconds=round(seconds)))
