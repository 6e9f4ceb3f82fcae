"""``agekit bench list``."""

from __future__ import annotations

from pathlib import Path

import click

from agekit.cli.options import device_option, json_option, out_option, refuse
from agekit.cli.output import emit_json, print_table
from agekit_bench.cli.cells import (
    Chosen,
    cell_options,
    cells_json,
    plan_suite,
    print_cells,
)

__all__ = ["list_"]


@click.command("list")
@click.argument("suite", required=False)
@cell_options
@device_option
@out_option
@json_option
def list_(
    suite: str | None,
    chosen: Chosen,
    device: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """List the suites; of SUITE the rows, where they stand and about what they cost.

    Its results are looked for in --out, else in bench/SUITE; those there are make the estimate
    better.
    """
    if suite is None:
        own = ("only", "seeds", "preset", "epochs", "protocols", "roots", "device", "out")
        refuse("without a SUITE the suites are listed", *own)
        _list_all(as_json)
        return
    loaded, folder, _, planned = plan_suite(suite, chosen, out)
    from agekit_bench.cost import costs_of

    costs = costs_of(planned, folder, device)
    if as_json:
        document = {"suite": loaded.name, "cells": cells_json(planned, folder, costs)}
        emit_json(document | {"device": costs.device, "estimated_seconds": costs.total(planned)[0]})
        return
    click.echo(f"{loaded.name}: {loaded.description}")
    print_cells(planned, costs)


def _list_all(as_json: bool) -> None:
    from agekit_bench.catalog import list_suites

    remarks: list[str] = []
    found = list_suites(remarks)
    for remark in remarks:
        click.echo(f"left out: {remark}", err=True)
    if as_json:
        emit_json([suite._asdict() for suite in found])
        return
    rows = [[suite.name, suite.cells, suite.description] for suite in found]
    print_table(["suite", "cells", "about"], rows)
