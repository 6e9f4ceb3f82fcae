"""``agekit predict``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from agekit.cli._answers import STDOUT, Tally, csv_rows, json_document, lines
from agekit.cli._models import MODEL_HELP, chosen
from agekit.cli._output import device_option, json_option, only_json_on_stdout
from agekit.cli._pictures import chip_rows, keep_inputs, marked_photos, photo_targets
from agekit.cli._progress import FEW, progress
from agekit.errors import DataError

if TYPE_CHECKING:
    from agekit.cli._answers import Answer
    from agekit.inference.inputs import ImageFile
    from agekit.inference.predictor import Predictor
    from agekit.onnx.runtime import OnnxPredictor

__all__ = ["predict"]


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--model", metavar="MODEL", help=MODEL_HELP.format("estimator") + " Or an .onnx file."
)
@click.option(
    "--detect/--no-detect",
    default=None,
    help="Find the faces of photos, or take each image as a face chip as it is; else whichever "
    "the model was trained for.",
)
@click.option(
    "--faces",
    type=click.Choice(["all", "largest"]),
    default="all",
    show_default=True,
    help="Which faces of a photo.",
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
    help="Write one row a face to this file instead of lines; - is stdout.",
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

    Boxes are in pixels of the upright image. Exits with 1 if an image cannot be read - the others
    are answered all the same - or if there is no face in any of them.
    """
    from agekit.inference.inputs import find_images

    model = model or chosen("estimator")
    if table is not None:
        _check_table(table, as_json)
    if distribution and not as_json:
        raise click.UsageError("--distribution adds to --json: give both.")
    images = find_images(inputs)
    keep_inputs(images, [Path(out) for out in (plot, table) if out is not None])

    def stdout_is_kept() -> AbstractContextManager[None]:
        return only_json_on_stdout(as_json or table == STDOUT)

    with stdout_is_kept():
        predictor = _load(model, runtime, device)
    whole = predictor.detects if detect is None else detect
    tally = Tally()
    with ExitStack() as stack:
        takers: list[Answer] = [tally.add]
        if plot is not None:
            takers.append(stack.enter_context(_pictures(plot, images, whole)))
        if as_json:
            takers.append(stack.enter_context(json_document(distribution)))
        if table is not None:
            takers.append(stack.enter_context(csv_rows(table)))
        if not as_json and table is None:
            takers.append(stack.enter_context(lines()))
        stack.enter_context(stdout_is_kept())
        if whole and predictor.guesses_the_cut:
            click.echo(f"note: {_GUESSED.format(model)}", err=True)
        paths = [image.path for image in images]
        predictions = predictor.stream(paths, whole, faces, batch_size=batch_size)
        step = stack.enter_context(progress(len(images), "images"))
        for prediction in predictions:
            if prediction.error is not None and not as_json:
                click.echo(f"error: {prediction.error}", err=True)
            for take in reversed(takers):
                take(prediction)
            step()
    if len(images) > FEW or table is not None:
        click.echo(tally.text(), err=True)
    if whole and tally.images > tally.unread and not tally.faces:
        raise DataError("no face was found", "if the images are face chips, use --no-detect")
    if tally.unread:
        raise click.exceptions.Exit(1)


_GUESSED = (
    "{} does not say how its faces were cut; the faces found are cut to the standard frame, and "
    "their ages may be off"
)


def _load(model: str, runtime: str | None, device: str) -> Predictor | OnnxPredictor:
    exported = model.endswith(".onnx")
    if runtime == "onnx" or (runtime is None and exported):
        from agekit.onnx.runtime import load_onnx

        return load_onnx(model, device)
    if exported:
        raise click.UsageError("--runtime torch needs a model folder: leave it out for .onnx.")
    from agekit.inference.predictor import load

    return load(model, device)


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
    keep_inputs(images, targets)
    return marked_photos(targets)
