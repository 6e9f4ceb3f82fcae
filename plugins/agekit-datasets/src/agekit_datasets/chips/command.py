"""`agekit data prepare`: photos cut into aligned face chips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from agekit.cli.dataset_options import columns_option, root_option
from agekit.cli.options import FloatRange, device_option, json_option, refuse
from agekit.cli.output import console, emit_json, only_json_on_stdout
from agekit.errors import ConfigError, counted
from agekit.plugin import (
    DEFAULT_MARGIN,
    FAILURES_FILE,
    Alignment,
    known_points,
    locate,
    read_failures,
    standard,
)
from agekit_datasets.chips.prepare import Workers
from agekit_datasets.chips.prepare import prepare as make
from agekit_datasets.encode import Encoding, Format

__all__ = ["prepare"]

_SHOWN = 5
_SIZE = 224


@click.command(short_help="Cut photos into face chips.")
@click.argument("dataset")
@root_option
@columns_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A new folder for the chips, or one to go on with.",
)
@click.option(
    "--size",
    type=click.IntRange(16, 1024),
    help="Side of the chips in pixels; else 224.",
)
@click.option(
    "--margin",
    type=FloatRange(-0.25, 4),
    help="Around the standard frame, as a share of its side; else such that the head is whole.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jpeg", "png", "webp"]),
    default="jpeg",
    show_default=True,
    help="Of the chips' files.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of jpeg and webp.",
)
@click.option(
    "--detector",
    metavar="NAME",
    help="What finds the faces; else the dataset's own points of them, or mtcnn where it has none.",
)
@click.option(
    "--like",
    metavar="MODEL",
    help="Cut faces as a model knows them: its detector, its frame, its size.",
)
@click.option(
    "--no-detect",
    is_flag=True,
    help="The pictures are face chips: only scale their centre square.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes; else one a processor.")
@device_option
@json_option
def prepare(
    dataset: str,
    root: Path | None,
    columns: dict[str, str],
    out: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Cut the photos of DATASET into face chips.

    The largest face of each photo is turned upright, scaled and cut out. The folder then is
    DATASET for every other command: pass it as --root. Stopped in any way, the same command goes
    on where it was. Photos without a chip are listed in failures.csv.
    """
    asked = _Options(**options)
    asked.check()
    with only_json_on_stdout(as_json):
        face, size = asked.frame()
        quality = None if asked.format_ == "png" else asked.quality
        made = make(
            dataset,
            root,
            out,
            columns=columns,
            face=face,
            encoding=Encoding(size, asked.format_, quality),
            workers=Workers(asked.workers, asked.device),
            detect=asked.detector is not None,
            console=console(),
        )
    if as_json:
        emit_json(made)
        return
    before = f", {made.skipped:,} were there" if made.skipped else ""
    chips = counted(made.done + made.skipped, "chip")
    click.echo(f"{made.out}: {chips} of {counted(made.n, 'picture')}{before}")
    if made.failed:
        click.echo(f"{made.failed:,} failed; see {made.out / FAILURES_FILE}")
        for failure in read_failures(out)[:_SHOWN]:
            click.echo(f"  {failure.name}: {failure.detail}")


@dataclass(frozen=True)
class _Options:
    """The options that say how chips are made; the command says what they mean."""

    size: int | None
    margin: float | None
    format_: Format
    quality: int
    detector: str | None
    like: str | None
    no_detect: bool
    workers: int | None
    device: str

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            click.UsageError: saying which options.
        """
        if self.format_ == "png":
            refuse("png has no quality, it loses nothing", "quality")
        if self.no_detect and (self.margin is not None or self.detector is not None):
            raise click.UsageError(
                "--no-detect looks for no face: it takes no --margin, no --detector"
            )
        own = (self.size, self.margin, self.detector) != (None, None, None)
        if self.like is not None and (self.no_detect or own):
            raise click.UsageError(
                "--like takes detector, margin and size from the model: give no --size, --margin, "
                "--detector, --no-detect"
            )

    def frame(self) -> tuple[Alignment | None, int]:
        """The alignment of the chips, None where none is looked for, and their size.

        Raises:
            ConfigError, ModelError: see `_frame_of`.
        """
        if self.like is not None:
            return _frame_of(self.like)
        size = self.size or _SIZE
        if self.no_detect:
            return None, size
        margin = DEFAULT_MARGIN if self.margin is None else self.margin
        return standard(margin, self.detector or "mtcnn"), size


def _frame_of(model: str) -> tuple[Alignment, int]:
    """The alignment and the size of a model.

    Raises:
        ConfigError: it does not say where the points of faces lie.
        ModelError: there is no such model.
    """
    from agekit.plugin import read_config

    config = read_config(locate(model))
    if known_points(config.face) is None:
        raise ConfigError(
            f"{model} does not say where the eyes, nose and mouth lie in the faces it takes",
            "choose the frame yourself: --margin and --size",
        )
    return config.face, config.image.size
