"""``agekit bench speed``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.options import FloatRange, device_option, json_option, out_option, refuse
from agekit.cli.output import console, emit_json, only_json_on_stdout, print_table, to_plain
from agekit.errors import ConfigError
from agekit_bench.cli.cells import gathering

if TYPE_CHECKING:
    from agekit_bench.speed.timing import Measurement
    from agekit_bench.speed.workload import Asked, Phase, Workload

__all__ = ["speed"]

_LARGEST = 2**20
"""Batch size; beyond it the size of an array of images may not be a number for torch."""
_LONGEST = 3600
_MOST_BYTES = 16_000_000


@dataclass(frozen=True)
class Wanted:
    """The options of the command: what is measured, and how."""

    train: bool
    infer: bool
    batch_sizes: tuple[int, ...]
    size: int | None
    preset: str | None
    dtype: str
    seconds: float
    device: str

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those asked for; none is all there are."""
        asked: dict[Phase, bool] = {"train": self.train, "infer": self.infer}
        return tuple(phase for phase, is_asked in asked.items() if is_asked)


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        sizes = tuple(dict.fromkeys(int(part) for part in value.split(",")))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1 or max(sizes) > _LARGEST:
        raise click.BadParameter(
            f"{value!r} is not a list of whole numbers from 1 to {_LARGEST}, as 1,8,64."
        )
    return sizes


def _finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is not a number of seconds.")
    return value


@click.command()
@click.argument("names", metavar="[MODEL_OR_RECIPE]...", nargs=-1)
@click.option("--train", is_flag=True, help="Measure training alone, or with --infer both.")
@click.option("--infer", is_flag=True, help="Measure inference alone, or with --train both.")
@click.option(
    "--batch-sizes",
    default="1,8,64",
    show_default=True,
    metavar="N,N,...",
    callback=_sizes,
    help="Images at a time; where memory is lacking they are halved.",
)
@click.option("--size", type=click.IntRange(16, 1024), help="Side of the images, pixels.")
@click.option("--preset", metavar="NAME", help="One of the recipes' presets, such as quick.")
@click.option(
    "--dtype",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="bf16 computes in bfloat16 by autocast.",
)
@click.option(
    "--seconds",
    type=FloatRange(0.05, _LONGEST),
    default=3.0,
    show_default=True,
    callback=_finite,
    help="To spend on each figure, after the warm-up.",
)
@device_option
@gathering("wanted", Wanted)
@out_option
@json_option
def speed(names: tuple[str, ...], wanted: Wanted, out: Path | None, as_json: bool) -> None:
    """Measure throughput and peak memory of models and recipes.

    MODEL_OR_RECIPE is a model, of which inference is measured, or a recipe with its backbone, such
    as cen-resnet18, of which training is measured too; a name of both is the recipe, unless --infer
    stands alone. Without any, the zoo's default estimator.
    The images are noise on the device already: reading and augmenting faces is left out. --out
    writes what --json prints. What fails is told, the rest is measured, and the exit status is 1.
    """
    from agekit.recipe import resolve
    from agekit.zoo.locate import is_model

    if out is not None:
        _check_place(out)
    for name in names:
        if not is_model(name):
            resolve(name, preset=wanted.preset)
    if all(map(is_model, names)):
        refuse("models are measured as they are, and only recipes have presets", "preset")

    import torch

    from agekit.atomic import write_text
    from agekit.device import pick_device
    from agekit.zoo.index import default_model
    from agekit_bench.machine import code_state, machine
    from agekit_bench.speed.workload import Asked

    dtype = torch.bfloat16 if wanted.dtype == "bf16" else None
    phases = wanted.phases or (() if names else ("infer",))
    asked = Asked(phases, wanted.size, wanted.preset, dtype)
    place = pick_device(wanted.device)
    torch.set_flush_denormal(True)
    with only_json_on_stdout(as_json):
        planned = [
            workload
            for name in names or (default_model("estimator"),)
            for workload in _planned(name, asked)
        ]
        found = _measure(planned, wanted.batch_sizes, place, wanted.seconds)
    document = to_plain(
        {
            "machine": machine(place).model_dump(),
            "code": None if (code := code_state()) is None else code.model_dump(),
            "measurements": found,
        }
    )
    if as_json:
        emit_json(document)
    else:
        _print(document["machine"], found)
    if out is not None:
        write_text(out, json.dumps(document, indent=2, allow_nan=False) + "\n")
    if any(one.error for one in found):
        raise click.exceptions.Exit(1)


_ANOTHER = "name another file with --out"


def _check_place(out: Path) -> None:
    """Refuses a place where the document cannot be written, or would replace something else.

    Raises:
        ConfigError: it is a folder, below a file, not writable, or a file that is no such document.
    """
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder", f"name a file, such as {out / 'speed.json'}")
    if out.exists() and not _is_document(out):
        raise ConfigError(f"--out {out} is there already, and not from `bench speed`", _ANOTHER)
    above = next(place for place in out.absolute().parents if os.path.lexists(place))
    if not above.is_dir():
        raise ConfigError(f"--out {out} cannot be written: {above} is no folder", _ANOTHER)
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {out} cannot be written: {above} takes no new files", _ANOTHER)


def _is_document(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return False
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, Mapping) and {"machine", "measurements"} <= found.keys()


def _planned(name: str, asked: Asked) -> list[Workload]:
    from agekit_bench.speed.workload import untrained, workloads

    found = workloads(name, asked)
    is_wanted = "train" in asked.phases if asked.phases else found[0].kind == "recipe"
    if is_wanted and (why := untrained(found)):
        console().print(f"{name}: training is left out: {why}", highlight=False)
    return found


def _measure(
    planned: list[Workload], batch_sizes: tuple[int, ...], device: Any, seconds: float
) -> list[Measurement]:
    from agekit_bench.speed.timing import attempt

    shown = console()
    found = []
    for workload in planned:
        fitting = [n for n in batch_sizes if n >= workload.smallest]
        if len(fitting) < len(batch_sizes):
            shown.print(
                f"{workload.name}: {workload.phase} takes batches of {workload.smallest} or more",
                highlight=False,
            )
        for batch in fitting:
            shown.print(f"{workload.name}: {workload.phase}, batches of {batch}", highlight=False)
            found.append(attempt(workload, batch, device, seconds=seconds))
    if not found:
        raise ConfigError("nothing is left to measure", "give larger --batch-sizes")
    return found


def _print(machine: dict[str, Any], found: list[Measurement]) -> None:
    driver = f", driver {machine['driver']}" if machine["driver"] else ""
    torch = machine["versions"]["torch"]
    click.echo(
        f"{machine['device']} ({machine['name']}{driver}), {machine['threads']} threads, "
        f"torch {torch}"
    )
    columns = ["name", "phase", "batch", "px", "dtype", "images/s", "quartiles", "ms", "MiB"]
    rows = []
    for one in found:
        speed, took, memory = one.images_per_second, one.milliseconds, one.peak_memory
        rows.append(
            [
                *(one.name, one.phase, one.batch_size, one.size, one.dtype),
                None if speed is None else round(speed.median, 1),
                "" if speed is None else f"{speed.q1:.1f}-{speed.q3:.1f}",
                None if took is None else round(took.median, 2),
                None if memory is None else round(memory.get("cuda", memory["rss"]) / 2**20),
            ]
        )
    print_table(columns, rows)
    for one in found:
        if one.note or one.error:
            click.echo(
                f"{one.name}, {one.phase}, batches of {one.asked}: {one.error or one.note}",
                err=True,
            )
