"""`agekit data check`: what is in a dataset, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.dataset_options import columns_option, protocol_option, roots_option
from agekit.cli.options import device_option, json_option, refuse
from agekit.cli.output import console, emit_json, only_json_on_stdout, print_table, printable, shown
from agekit.errors import counted
from agekit.plugin import Faces, ProgressBar, load_faces, open_dataset, require
from agekit_datasets.check.report import DatasetReport, check_faces

if TYPE_CHECKING:
    from agekit_datasets.check.unlikely import Unlikely

__all__ = ["check"]

_BAR = 32
_SHOWN = 10
"""Faces of doubtful labels that are shown; the csv has all."""
_FEW = 20
"""Images that are soon decoded; no progress of as few is shown."""
_COLOURS = {"error": "red", "warning": "yellow"}


@click.command(short_help="Count, split and look for what is wrong.")
@click.argument("dataset")
@roots_option
@columns_option
@protocol_option
@click.option(
    "--decode/--no-decode",
    default=True,
    show_default=True,
    help="Whether to decode every image, to find those that cannot be.",
)
@click.option(
    "--model",
    metavar="MODEL",
    help="List the faces whose labels this estimator finds least likely.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="With --model: how many faces.",
)
@click.option(
    "--csv",
    "list_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --model: write them to this csv.",
)
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --model: draw them onto this PNG, to look through.",
)
@device_option
@json_option
def check(
    dataset: str,
    root: str | dict[str, str] | None,
    columns: dict[str, str],
    protocol: str | dict[str, str] | None,
    decode: bool,
    model: str | None,
    most: int,
    list_file: Path | None,
    sheet: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Read and split DATASET, count what is there and look for what is wrong.

    Exits with 1 on errors, which break a training or its result: no rows to train on, training
    faces all of one age, a split of which no image can be decoded, identical images both in train
    and in test, people in two splits of a protocol that forbids it. Warnings are the rest: rows
    and images that are left out, identical images, people in two splits where that is allowed.
    """
    if model is None:
        refuse(
            "without --model no face is shown to a model", "most", "list_file", "sheet", "device"
        )
    else:
        require("torch", "--model")
    found: list[Unlikely] = []
    with only_json_on_stdout(as_json):
        faces = load_faces(dataset, root, protocol, columns=columns, tell=_in_the_report)
        official = {} if faces.parts else open_dataset(dataset).official
        count = len(faces.table) if decode else 0
        with ProgressBar(console(), "images", count, few=_FEW) as progress:
            report = check_faces(faces, official=official, decode=decode, progress=progress.step)
        if model is not None:
            found = _unlikely(faces, model, most, device, list_file, sheet)
    if as_json:
        emit_json(report.to_json() | ({} if model is None else {"unlikely": [*map(asdict, found)]}))
    else:
        _print(report)
        for one in found[:_SHOWN]:
            click.echo(
                printable(f"  {one.path}: {one.age:g}, {model} says {one.estimate:.1f} years")
            )
    if not report.ok:
        raise click.exceptions.Exit(1)


def _unlikely(
    faces: Faces, model: str, most: int, device: str, list_file: Path | None, sheet: Path | None
) -> list[Unlikely]:
    """The faces whose labels a model finds least likely, written where that is asked for."""
    from agekit.plugin import Display
    from agekit_datasets.check.unlikely import find_unlikely, write_list, write_sheet

    found, images = find_unlikely(faces, model, most, device, Display(console(), None))
    if list_file is not None:
        write_list(list_file, found)
    if sheet is not None:
        write_sheet(sheet, found, images)
    return found


def _in_the_report(note: str) -> None:
    """Takes a note that the report has among its problems."""


def _print(report: DatasetReport) -> None:
    title = f"{report.protocol}: {counted(report.n, 'face')} (split {report.split_hash})"
    used = {name: part for name, part in report.splits.items() if part["n"] or name != "unused"}
    rows = [[name, *_cells(part)] for name, part in used.items()]
    print_table(["split", "faces", "people", "youngest", "median", "oldest"], rows, title=title)
    click.echo()
    histogram = report.ages["histogram"]
    most = max(part["n"] for part in histogram)
    block = shown("█", "#")
    bars = [[p["ages"], p["n"], block * round(_BAR * p["n"] / most)] for p in histogram]
    print_table(["ages", "faces", ""], bars)
    click.echo()
    if report.genders["unknown"] < report.n:
        click.echo(f"gender: {_shares(report.genders)}")
    if report.groups:
        click.echo(printable(f"group: {_shares(report.groups)}"))
    for what, count in report.official.items():
        click.echo(f"{what}: {count['found']:,}, officially {count['official']:,}")
    _print_problems(report)


def _print_problems(report: DatasetReport) -> None:
    for finding in report.problems:
        label = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=True)
        label = "note" if finding.kind == "note" else f"{label} ({finding.kind})"
        count = f"{finding.count:,} " if finding.examples else ""
        click.echo(f"\n{label}: {count}{printable(finding.what)}")
        for example in finding.examples:
            click.echo(f"  {printable(example)}")
        if finding.examples and (more := finding.count - len(finding.examples)):
            click.echo(f"  ... and {more:,} more")
    undone = "" if report.decoded else "; the images were not decoded"
    click.echo()
    if report.ok:
        click.echo(f"nothing that breaks training was found{undone}")
    else:
        kinds = [f.kind for f in report.problems if f.severity == "error"]
        click.echo(f"what breaks training: {', '.join(dict.fromkeys(kinds))}{undone}")


def _cells(part: Mapping[str, Any]) -> list[object]:
    ages = (part["min"], part["median"], part["max"])
    whole = (int(age) if age is not None and age == int(age) else age for age in ages)
    return [part["n"], part["people"] or None, *whole]


def _shares(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
