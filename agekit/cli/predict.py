"""``agekit predict``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from agekit.cli._answers import (
    STDOUT,
    Tally,
    chip_rows,
    csv_rows,
    json_document,
    lines,
    marked_photos,
    photo_targets,
)
from agekit.cli._boxes import read_boxes
from agekit.cli.options import (
    device_option,
    json_option,
    model_or_default,
    photo_options,
    refuse,
)
from agekit.cli.output import console, only_json_on_stdout, say
from agekit.errors import DataError
from agekit.extras import require
from agekit.inference.saving import keep_inputs
from agekit.progress import FEW, ProgressBar

if TYPE_CHECKING:
    from agekit.cli._answers import Answer
    from agekit.inference.inputs import ImageFile
    from agekit.inference.prediction import Prediction
    from agekit.inference.predictor import Predictor
    from agekit.onnx.runtime import OnnxPredictor

__all__ = ["predict"]


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@photo_options(
    "estimator",
    " Or an .onnx file.",
    "Find the faces of photos, or take each image as a face chip as it is",
)
@click.option(
    "--plot",
    metavar="FILE|FOLDER",
    help="Draw boxes, ages and intervals on a copy of the photo, a .png or .jpg; of several, on "
    "copies in a folder. Of chips, draw all with their distributions to one PNG.",
)
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    help="Write one row a face to this file instead of lines; - is stdout. Paths that a "
    "spreadsheet would take for a formula begin with ./ there.",
)
@click.option(
    "--boxes",
    metavar="FILE",
    help="Take the faces that another detector found, and look for none: a csv of path, x0, y0, "
    "x1, y1, as --csv writes it, or JSON as --json prints it, whose points are taken as well.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="How many faces go through the network at once.",
)
@click.option(
    "--runtime",
    type=click.Choice(["torch", "onnx"]),
    help="What computes: torch, or ONNX Runtime, which needs no torch for face chips and a model "
    "made by `agekit export`; else ONNX Runtime for a --model that ends in .onnx.",
)
@click.option(
    "--distribution", is_flag=True, help="With --json, the distribution over the ages as well."
)
@device_option
@json_option
def predict(
    inputs: tuple[str, ...],
    model: str | None,
    detect: bool | None,
    faces: Literal["all", "largest"],
    plot: str | None,
    table: str | None,
    boxes: str | None,
    batch_size: int,
    runtime: Literal["torch", "onnx"] | None,
    distribution: bool,
    device: str,
    as_json: bool,
) -> None:
    """Predict the ages of the faces in images.

    INPUT is an image, a folder (all images below it), or a pattern in quotes, such as
    'photos/**/*.jpg'. With a model trained on faces that were cut out of photos, faces are found
    in each image, cut out the same way, and answered the largest first; with any other, each
    image is taken as a face chip.

    Boxes and points are in pixels of the upright image. Faces on their side or upside down are
    looked for where no upright one is surely found. Exits with 1 if an image cannot be read - the
    others are answered all the same - or if there is no face in any of them.
    """
    from agekit.inference.inputs import find_images, unreadable
    from agekit.zoo.index.locate import find

    if table is not None:
        _check_table(table, as_json)
    if distribution and not as_json:
        raise click.UsageError("--distribution adds to --json: give both.")
    if detect is False:
        refuse("--no-detect takes each image as one face", "faces")
    if boxes is not None and detect is not None:
        raise click.UsageError("--boxes says where the faces are: leave out --detect, --no-detect.")
    if plot is not None:
        require("figures", "--plot")
    exported = model is not None and model.endswith(".onnx")
    if exported and runtime == "torch":
        raise click.UsageError("--runtime torch needs a model folder: leave it out for .onnx.")
    images = find_images(inputs)
    paths = [image.path for image in images]
    keep_inputs(paths, [Path(out) for out in (plot, table) if out is not None])
    given = {} if boxes is None else read_boxes(boxes, paths)
    unread = unreadable(paths)
    for error in () if as_json else unread.values():
        say(f"error: {error}")

    def stdout_is_kept() -> AbstractContextManager[None]:
        return only_json_on_stdout(as_json or table == STDOUT)

    if model is not None:
        _must_be_there(model) if exported else find(model)
    predictor = None
    if plot is not None or len(unread) < len({*paths}):
        model = model_or_default(model, "estimator")
        with stdout_is_kept():
            predictor = _load(model, runtime, device)
    whole = predictor is not None and (
        boxes is not None or (predictor.detects if detect is None else detect)
    )
    tally = Tally()
    with ExitStack() as stack:
        takers: list[Answer] = [tally.add]
        if predictor is not None and plot is not None:
            takers.append(stack.enter_context(_pictures(plot, images, whole)))
        if as_json:
            takers.append(stack.enter_context(json_document(distribution)))
        if table is not None:
            takers.append(stack.enter_context(csv_rows(table)))
        if not as_json and table is None:
            takers.append(stack.enter_context(lines()))
        stack.enter_context(stdout_is_kept())
        if predictor is None:
            predictions = _failures(unread, paths)
        else:
            if whole and predictor.guesses_the_cut:
                say(f"note: {_GUESSED.format(model)}")
            if predictor.level is not None and not as_json:
                say(f"note: {_INTERVAL.format(100 * predictor.level)}")
            predictions = predictor.stream(paths, detect, faces, batch_size=batch_size, **given)
        progress = stack.enter_context(ProgressBar(console(), "images", len(images), few=FEW))
        for prediction in predictions:
            if prediction.error is not None and not as_json and prediction.path not in unread:
                say(f"error: {prediction.error}")
            for take in reversed(takers):
                take(prediction)
            progress.step()
    if len(images) > FEW or table is not None:
        say(tally.text())
    for note in tally.notes():
        say(f"note: {note}")
    if whole and tally.images > tally.unread and not tally.faces:
        raise DataError("no face was found", "if the images are face chips, use --no-detect")
    if tally.unread:
        raise click.exceptions.Exit(1)


_INTERVAL = "the interval in brackets is meant to hold the true age of {:g} % of faces"
_GUESSED = (
    "{} does not say how its faces were cut; the faces found are cut to the standard frame, and "
    "their ages may be off"
)


def _must_be_there(exported: str) -> None:
    from agekit.onnx.runtime import find_exported

    find_exported(exported)


def _load(model: str, runtime: str | None, device: str) -> Predictor | OnnxPredictor:
    if runtime == "onnx" or model.endswith(".onnx"):
        from agekit.onnx.runtime import load_onnx

        return load_onnx(model, device)
    from agekit.inference.predictor import load

    return load(model, device)


def _failures(unread: Mapping[str, str], paths: Sequence[str]) -> Iterator[Prediction]:
    from agekit.inference.prediction import Prediction

    return (Prediction(path, (), unread[path]) for path in paths)


def _check_table(table: str, as_json: bool) -> None:
    if as_json and table == STDOUT:
        raise click.UsageError("--json and --csv - both answer on stdout: give one of them.")
    if table != STDOUT and os.path.exists(table) and not os.path.isfile(table):
        raise click.UsageError(f"--csv {table} is not a file; - is stdout.")


def _pictures(
    plot: str, images: Sequence[ImageFile], whole: bool
) -> AbstractContextManager[Answer]:
    if not whole:
        return chip_rows(plot, len(images))
    targets = photo_targets(plot, images)
    keep_inputs([image.path for image in images], targets)
    return marked_photos(targets)
