"""Options that say which faces: of which dataset or datasets, where it lies, how it is split."""

from __future__ import annotations

import re
from pathlib import Path

import click

from agekit.cli.options import together

__all__ = [
    "Domains",
    "as_chips_option",
    "columns_option",
    "dataset_options",
    "domain_options",
    "protocol_option",
    "root_option",
    "roots_option",
    "split_option",
]

Domains = tuple[tuple[float, float], tuple[float, float]]
_NEXT_COLUMN = re.compile(r",(?=\s*\w+\s*=)")
_FOR_ONE = re.compile(r"(\w[\w.:-]*)=(.+)", re.DOTALL)
"""What is given for one of several datasets; a path with an equals sign has a slash before it, or
is there."""
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


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


def _parse_by_dataset(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> str | dict[str, str] | None:
    """One value for all, as it is; else dataset → value, with that for all others under ""."""
    found: dict[str, str] = {}
    for value in values:
        match = None if Path(value).exists() else _FOR_ONE.fullmatch(value)
        name, text = match.groups() if match else ("", value)
        if found.setdefault(name, text) != text:
            whose = f"of {name}" if name else "for all"
            raise click.BadParameter(f"{found[name]} and {text}: two are given {whose}.")
    return found[""] if [*found] == [""] else found or None


def _parse_domains(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Domains | None:
    if value is None:
        return None
    ranges = [_RANGE.fullmatch(part) for part in value.split(",")]
    if len(ranges) != 2 or not all(ranges):
        raise click.BadParameter(f"{value!r} is not two ranges of ages, such as 20-29,50-69.")
    young, old = ((float(r[1]), float(r[2])) for r in ranges if r)
    if young[0] > young[1] or old[0] > old[1]:
        raise click.BadParameter(f"{value!r}: a range goes from the lower age to the higher.")
    return young, old


def _parse_where(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    out: dict[str, str] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if key not in ("gender", "group") or not equals or not text:
            raise click.BadParameter(f"{value!r} is not gender=VALUE or group=VALUE.")
        out[key] = text
    return out


root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Where the dataset lies, or hf://datasets/ORG/NAME[@REVISION]; else "
    "$AGEKIT_DATA/<dataset>.",
)
"""→ `root: Path | None`, the folder of one dataset."""
roots_option = click.option(
    "--root",
    multiple=True,
    callback=_parse_by_dataset,
    metavar="DIR|DATASET=DIR",
    help="Where the dataset lies, or hf://datasets/ORG/NAME[@REVISION]; else "
    "$AGEKIT_DATA/<dataset>. Of several: one for each.",
)
"""→ `root: str | dict[str, str] | None`, the folder of the dataset, or dataset → folder."""
columns_option = click.option(
    "--columns",
    multiple=True,
    callback=_parse_columns,
    metavar="path=COLUMN,age=COLUMN",
    help="Which column of a csv or Parquet file is which, where they have not their usual names: "
    "path, age, sigma, identity, gender, group, split.",
)
"""→ `columns: dict[str, str]`, field of the face table → column."""
protocol_option = click.option(
    "--protocol",
    multiple=True,
    callback=_parse_by_dataset,
    metavar="NAME|CSV|DATASET=NAME",
    help="How the dataset is split and scored, or a csv of path and split; else its default. Of "
    "several: one for all that have it, or one for each.",
)
"""→ `protocol: str | dict[str, str] | None`, dataset → which, `""` for all others."""
split_option = click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Which rows of the protocol.",
)
"""→ `split: str`."""
as_chips_option = click.option(
    "--as-chips",
    is_flag=True,
    help="Take the images of a dataset of whole photos as face chips all the same.",
)
"""→ `as_chips: bool`."""
domain_options = together(
    click.option(
        "--domains",
        metavar="A-B,C-D",
        callback=_parse_domains,
        help="Agers: the ages of the young and of the old, such as 20-29,50-69.",
    ),
    click.option(
        "--where",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_parse_where,
        help="Agers: only the faces of one gender or group, such as gender=male.",
    ),
)
"""→ `domains: Domains | None`, the young and the old; `where: dict[str, str]`."""
dataset_options = together(
    roots_option, columns_option, protocol_option, as_chips_option, domain_options
)
"""→ `root`, `columns`, `protocol`, `as_chips`, `domains`, `where`: the faces of a dataset."""
