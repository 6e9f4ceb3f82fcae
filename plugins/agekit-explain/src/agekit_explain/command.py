"""``agekit explain``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

from agekit.cli._answers import Tally, photo_targets
from agekit.cli._boxes import read_boxes
from agekit.cli.options import (
    FloatRange,
    batch_size_option,
    check_photo_options,
    device_option,
    json_option,
    model_or_default,
    photo_options,
    runtime_option,
)
from agekit.cli.output import (
    STDOUT,
    check_table,
    console,
    csv_table,
    emit_json,
    only_json_on_stdout,
    printable,
    say,
)
from agekit.data.sheet import csv_cell
from agekit.errors import DataError, counted
from agekit.extras import require
from agekit.faces.align import known_points
from agekit.inference.face import Chip
from agekit.inference.inputs import Picture, find_images
from agekit.inference.prediction import Prediction
from agekit.inference.saving import keep_inputs, save_picture
from agekit.progress import ProgressBar
from agekit.tasks.estimator.predictor import Predictor, load

if TYPE_CHECKING:
    from agekit_explain.occlusion import Explanation, Fill

__all__ = ["explain"]

COLUMNS = ("path", "face", "part", "x", "y", "years", "error")
_TOLD = "years are what a part adds: the age of the face less the age with that part hidden"
_LEAST = 0.05
"""Years; what adds less is not told in a line."""


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IMAGE...")
@photo_options(
    "estimator",
    " Or an .onnx file.",
    "Find the faces of photos, or take each image as a face chip as it is",
)
@click.option(
    "--plot",
    metavar="FILE|FOLDER",
    help="Draw the maps beside the photo, a .png or .jpg; of several images, to a folder.",
)
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    help="Write a row for each named part and each cell of the map, its middle in shares of the "
    "face chip; - is stdout.",
)
@click.option(
    "--cells",
    type=click.IntRange(2, 64),
    default=14,
    show_default=True,
    help="Of the map, along one side: how many patches are hidden, one after the other.",
)
@click.option(
    "--patch",
    type=FloatRange(0.01, 1),
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="The side of what is hidden at once, as a share of the face chip's.",
)
@click.option(
    "--fill",
    type=click.Choice(["mean", "blur"]),
    default="mean",
    show_default=True,
    help="What hides: the mean colour of the face, or the face blurred, which keeps its light.",
)
@batch_size_option(64, "images go through the network at once")
@runtime_option
@device_option
@json_option
def explain(inputs: tuple[str, ...], **options: Any) -> None:
    """Show which parts of a face its age comes from.

    IMAGE is an image, a folder (all images below it), or a pattern in quotes. Faces are found as
    `agekit predict` finds them. Part after part of each is hidden: where the age falls, the part
    makes the face look older; where it rises, younger. A face with a part hidden is like none that
    the model was trained on: large changes tell where it looks, small ones tell little.

    Exits with 1 if an image cannot be read - the others are answered all the same - or if there is
    no face in any of them.
    """
    _answer(inputs, _Options(**options))


@dataclass(frozen=True)
class _Options:
    """The options of a call; the command says what they mean."""

    model: str | None
    detect: bool | None
    faces: Literal["all", "largest"]
    boxes: str | None
    plot: str | None
    table: str | None
    cells: int
    patch: float
    fill: Fill
    batch_size: int
    runtime: Literal["auto", "onnx", "torch"]
    device: str
    as_json: bool

    def check(self) -> None:
        """Refuses what does not go together, before any image is looked for."""
        check_table(self.table, self.as_json)
        check_photo_options(self.detect, self.boxes)
        if self.plot is not None:
            require("figures", "--plot")


def _answer(inputs: Sequence[str], asked: _Options) -> None:
    """Explains the faces in images, and answers as was asked."""
    asked.check()
    images = find_images(inputs)
    paths = [image.path for image in images]
    targets = [None] * len(images) if asked.plot is None else photo_targets(asked.plot, images)
    tables = [Path(asked.table)] if asked.table and asked.table != STDOUT else []
    keep_inputs(paths, [*filter(None, targets), *tables])
    given: dict[str, Any] = {} if asked.boxes is None else read_boxes(asked.boxes, paths)
    tally = Tally("their ages, and what the parts add, may be off")
    answers: list[dict[str, Any]] = []
    with ExitStack() as stack:
        stack.enter_context(only_json_on_stdout(asked.as_json or asked.table == STDOUT))
        name = model_or_default(asked.model, "estimator")
        predictor = load(name, asked.device, asked.runtime)
        whole = bool(given) or (predictor.detects if asked.detect is None else asked.detect)
        if whole and predictor.alignment_unknown:
            say(f"note: {tally.unknown_alignment(predictor.name)}")
        write = None
        if asked.table is not None:
            write = stack.enter_context(csv_table(asked.table, COLUMNS))
        groups = predictor.faces_of(paths, asked.detect, asked.faces, **given)
        progress = stack.enter_context(ProgressBar(console(), "images", len(images)))
        for [(picture, chips)], target in zip(groups, targets, strict=True):
            found = [_explained(predictor, chip, asked) for chip in chips]
            warning = next((chip.warning for chip in chips if chip.warning), None)
            shown = Prediction(
                picture.name, tuple(e.face for e in found), picture.error, None, warning
            )
            if asked.as_json:
                faces = [one.to_dict() for one in found]
                answers.append({**shown.to_dict(), "faces": faces})
            elif shown.error is not None:
                say(f"error: {shown.error}")
            if not asked.as_json and not tally.faces and found:
                say(f"note: {_TOLD}")
            tally.add(shown)
            if write is not None:
                _rows(shown, found, write)
            elif not asked.as_json:
                _lines(shown, found)
            if target is not None and found:
                _draw(target, picture, found)
            progress.step()
    if asked.as_json:
        hidden = {"cells": asked.cells, "patch": asked.patch, "fill": asked.fill}
        emit_json([{**answer, "hidden": hidden} for answer in answers])
    for note in tally.notes():
        say(f"note: {note}")
    if whole and tally.images > tally.unread and not tally.faces:
        raise DataError("no face was found", "if the images are face chips, use --no-detect")
    if tally.unread:
        raise click.exceptions.Exit(1)


def _explained(predictor: Predictor, chip: Chip, asked: _Options) -> Explanation:
    """One face; its parts are known where the model says how its faces lie."""
    from agekit_explain.occlusion import explain

    points = known_points(predictor.face)
    if points is None and chip.placed is not None:
        points = predictor.finder.target
    return explain(
        chip,
        predictor.estimate,
        points,
        cells=asked.cells,
        patch=asked.patch,
        fill=asked.fill,
        batch_size=asked.batch_size,
    )


def _lines(shown: Prediction, found: Sequence[Explanation]) -> None:
    """A line a face on stdout, the parts that add most first."""
    path = printable(shown.path)
    if not found and shown.error is None:
        click.echo(f"{path}: no face found")
    for k, one in enumerate(found, 1):
        which = "" if len(found) == 1 else f"face {k} of {len(found)}: "
        parts = sorted(one.parts.items(), key=lambda part: -abs(part[1]))
        told = [f"{name} {years:+.1f}" for name, years in parts if abs(years) >= _LEAST]
        said = ", ".join(told) or f"no part adds {_LEAST:g} years"
        if not one.parts:
            low, high = float(one.years.min()), float(one.years.max())
            said = f"a patch adds {low:+.1f} to {high:+.1f}"
        click.echo(f"{path}: {which}{one.face.age:.1f} years: {said}")


def _rows(
    shown: Prediction, found: Sequence[Explanation], write: Callable[[Sequence[object]], object]
) -> None:
    """A row a named part, then one a cell of the map, row by row."""
    path = csv_cell(shown.path)
    for k, one in enumerate(found, 1):
        for name, years in one.parts.items():
            write([path, k, name, "", "", f"{years:.3f}", ""])
        cells = len(one.years)
        for (row, column), years in np.ndenumerate(one.years):
            middle = [f"{(place + 0.5) / cells:.4f}" for place in (column, row)]
            write([path, k, "", *middle, f"{years:.3f}", ""])
    if not found:
        write([path, "", "", "", "", "", csv_cell(shown.error or "")])


def _draw(target: Path, picture: Picture, found: Sequence[Explanation]) -> None:
    from agekit_explain.picture import MOST, draw_explanations

    if len(found) > MOST:
        say(f"note: {target} shows the first {MOST} of {counted(len(found), 'face')}")
    whole = picture.pixels if found[0].face.box is not None else None
    save_picture(target, draw_explanations(whole, found[:MOST]))
