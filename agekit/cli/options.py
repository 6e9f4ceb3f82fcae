"""Options that mean the same for every command, and what the command line named of them.

An option is a decorator; the line below it says which argument it gives the command's function.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from agekit.extras import require
from agekit.zoo.index import default_model

__all__ = [
    "FloatRange",
    "batch_size_option",
    "check_photo_options",
    "check_png",
    "device_option",
    "given",
    "json_option",
    "model_or_default",
    "out_option",
    "photo_options",
    "refuse",
    "runtime_option",
    "seed_option",
    "set_option",
    "together",
]

Command = TypeVar("Command", bound=Callable[..., Any])
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


class FloatRange(click.FloatRange):
    """click's, which takes NaN for a number of every range."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number; NaN is refused."""
        if math.isnan(number := super().convert(value, param, ctx)):
            self.fail(f"{value!r} is not in the range {self._describe_range()}.", param, ctx)
        return number


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


def together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _check_device(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not one of auto, cpu, mps, cuda, cuda:N.")
    return value


def _check_settings(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        key, equals, _ = value.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise click.BadParameter(f"{value!r} is not of the form a.b=value.")
    return values


def check_png(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """A callback of options that name a figure to write: a .png that can be, before any work.

    Raises:
        click.BadParameter: it has another ending, or is a folder.
        MissingLibraryError: what draws figures is not installed.
    """
    if value is None:
        return None
    if Path(value).suffix.lower() != ".png" or Path(value).is_dir():
        raise click.BadParameter(f"{value!r} is no .png file.")
    require("figures", parameter.opts[0])
    return Path(value)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Answer with one JSON document on stdout."
)
"""→ `as_json: bool`."""
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    callback=_check_device,
    metavar="auto|cpu|mps|cuda[:N]",
    help="Where to compute.",
)
"""→ `device: str`, one of auto, cpu, mps, cuda, cuda:N."""
runtime_option = click.option(
    "--runtime",
    type=click.Choice(["auto", "onnx", "torch"]),
    default="auto",
    show_default=True,
    help="What computes: torch, or ONNX Runtime, which needs no torch; auto takes the latter on a "
    "CPU, where the model carries an ONNX file, and for a --model that ends in .onnx.",
)
"""→ `runtime`, a `Runtime`."""
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


def batch_size_option(count: int, what: str) -> Callable[[Command], Command]:
    """→ `batch_size: int`, at least 1.

    Args:
        count: if it is not told.
        what: of which so many go together.
    """
    told = f"How many {what}."
    return click.option(
        "--batch-size", type=click.IntRange(1), default=count, show_default=True, help=told
    )


def photo_options(task: str, model: str, detect: str) -> Callable[[Command], Command]:
    """→ `model` and `boxes: str | None`, `detect: bool | None`, `faces: "all" | "largest"`.

    Args:
        task: of the model.
        model: what else `--model` takes.
        detect: what `--detect` and `--no-detect` do.
    """
    return together(
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
