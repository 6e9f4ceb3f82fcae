"""Options that mean the same for every command, and what the command line named of them.

An option is a decorator; the line below it says which argument it gives the command's function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from agekit.zoo.index import default_model

__all__ = [
    "Domains",
    "as_chips_option",
    "check_photo_options",
    "columns_option",
    "dataset_options",
    "device_option",
    "domain_options",
    "given",
    "json_option",
    "model_or_default",
    "out_option",
    "photo_options",
    "protocol_option",
    "refuse",
    "root_option",
    "roots_option",
    "seed_option",
    "set_option",
    "split_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])
Domains = tuple[tuple[float, float], tuple[float, float]]
_NEXT_COLUMN = re.compile(r",(?=\s*\w+\s*=)")
_FOR_ONE = re.compile(r"(\w[\w.:-]*)=(.+)", re.DOTALL)
"""What is given for one of several datasets; a path with an equals sign has a slash before it, or
is there."""
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


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


def _together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


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


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Answer with one JSON document on stdout."
)
"""→ `as_json: bool`."""
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    callback=_check_device,
    metavar="auto|cpu|cuda[:N]",
    help="Where to compute.",
)
"""→ `device: str`, one of auto, cpu, cuda, cuda:N."""
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of every random choice.",
)
"""→ `seed: int`, 0 to 2^32 - 1."""
out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="Where to write the result."
)
"""→ `out: Path | None`."""
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_check_settings,
    metavar="A.B=VALUE",
    help="Override one value of the recipe; may be repeated.",
)
"""→ `settings: tuple[str, ...]`, each checked to be `key=value`."""
root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Where the dataset lies; else $AGEKIT_DATA/<dataset>.",
)
"""→ `root: Path | None`, the folder of one dataset."""
roots_option = click.option(
    "--root",
    multiple=True,
    callback=_parse_by_dataset,
    metavar="DIR|DATASET=DIR",
    help="Where the dataset lies; else $AGEKIT_DATA/<dataset>. Of several: one for each.",
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
domain_options = _together(
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
dataset_options = _together(
    roots_option, columns_option, protocol_option, as_chips_option, domain_options
)
"""→ `root`, `columns`, `protocol`, `as_chips`, `domains`, `where`: the faces of a dataset."""


def photo_options(task: str, model: str, detect: str) -> Callable[[Command], Command]:
    """→ `model` and `boxes: str | None`, `detect: bool | None`, `faces: "all" | "largest"`.

    Args:
        task: of the model.
        model: what else `--model` takes.
        detect: what `--detect` and `--no-detect` do.
    """
    return _together(
        click.option(
            "--model",
            metavar="MODEL",
            help="A zoo name, hf-hub:ORG/REPO[@REVISION], a model folder or a run folder; else the "
            f"zoo's default {task}.{model}",
        ),
        click.option(
            "--detect/--no-detect",
            default=None,
            help=f"{detect}; else whichever the model was trained for.",
        ),
        click.option(
            "--faces",
            type=click.Choice(["all", "largest"]),
            default="all",
            show_default=True,
            help="Which faces of a photo.",
        ),
        click.option(
            "--boxes",
            metavar="FILE",
            help="Take the faces that another detector found, and look for none: a csv of path, "
            "x0, y0, x1, y1, as `agekit predict --csv` writes it, or JSON as its --json prints it, "
            "whose points are taken as well.",
        ),
    )


def check_photo_options(detect: bool | None, boxes: str | None) -> None:
    """Refuses ways to come to faces that do not go together.

    Raises:
        click.UsageError: `--boxes` with `--detect` or `--no-detect`, `--faces` with the latter.
    """
    if detect is False:
        refuse("--no-detect takes each image as one face", "faces")
    if boxes is not None and detect is not None:
        raise click.UsageError("--boxes says where the faces are: leave out --detect, --no-detect.")


def model_or_default(model: str | None, task: str) -> str:
    """The model that was named, or the zoo's default for a task; says on stderr which that is.

    Raises:
        ModelError: there is none.
    """
    if model is None:
        model = default_model(task)
        click.echo(f"note: the model is {model}; choose another with --model", err=True)
    return model
