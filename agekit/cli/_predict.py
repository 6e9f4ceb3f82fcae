"""The work of `agekit predict`, imported once its options are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from agekit.cli._answers import (
    OVER,
    Taker,
    Tally,
    chip_rows,
    csv_rows,
    json_document,
    judged,
    lines,
    marked_photos,
    photo_targets,
)
from agekit.cli._boxes import read_boxes
from agekit.cli.options import check_photo_options, model_or_default
from agekit.cli.output import STDOUT, check_table, console, only_json_on_stdout, say
from agekit.errors import ConfigError, DataError
from agekit.extras import require
from agekit.inference.attribute import FaceAttribute, find_attribute, load_attribute
from agekit.inference.inputs import ImageFile, find_images, unreadable
from agekit.inference.model import PredictorBase
from agekit.inference.prediction import Prediction
from agekit.inference.runtime import Runtime
from agekit.inference.saving import keep_inputs
from agekit.progress import FEW, ProgressBar
from agekit.tasks.estimator.predictor import Predictor, load
from agekit.zoo.files import ONNX
from agekit.zoo.graphs import find_exported
from agekit.zoo.locate import find

__all__ = ["Options", "answer"]

_INTERVAL = "the interval in brackets is meant to hold the true age of {:g} % of faces"
_OVER = "over {:g} is yes or no where the whole interval says so, which proves the age of nobody"
_OTHER = "choose another with --model; `agekit zoo list` has some"


@dataclass(frozen=True)
class Options:
    """The options of a call; the command says what they mean."""

    model: str | None
    detect: bool | None
    faces: Literal["all", "largest"]
    boxes: str | None
    plot: str | None
    table: str | None
    attributes: tuple[str, ...]
    over: int | None
    batch_size: int
    runtime: Runtime
    distribution: bool
    device: str
    as_json: bool

    @property
    def exported(self) -> bool:
        """True if the model is a file that was exported."""
        return self.model is not None and self.model.endswith(ONNX)

    def check(self) -> None:
        """Refuses what does not go together, before any image is looked for.

        Raises:
            click.UsageError: saying which options.
            AgekitError: a model is not there, or what draws pictures is not installed.
        """
        check_table(self.table, self.as_json)
        if self.distribution and not self.as_json:
            raise click.UsageError("--distribution adds to --json: give both.")
        check_photo_options(self.detect, self.boxes)
        if self.plot is not None:
            require("figures", "--plot")
        if self.exported and self.runtime == "torch":
            raise click.UsageError("--runtime torch needs a model folder: leave it out for .onnx.")
        if self.exported:
            find_exported(str(self.model))
        elif self.model is not None:
            find(self.model)
        _say_one_thing_each([find_attribute(name)[1] for name in self.attributes])

    def stdout_is_kept(self) -> AbstractContextManager[None]:
        """While it lasts, stdout holds the answer alone, where a machine reads it."""
        return only_json_on_stdout(self.as_json or self.table == STDOUT)


def answer(inputs: Sequence[str], asked: Options) -> None:
    """Predicts the ages of the faces in images, and answers as was asked.

    Args:
        inputs: files, folders and patterns.
        asked: the options.

    Raises:
        AgekitError: there is no image or no face, or the model cannot be used.
        click.UsageError: options that do not go together.
        click.exceptions.Exit: an image could not be read.
    """
    asked.check()
    images = find_images(inputs)
    paths = [image.path for image in images]
    keep_inputs(paths, [Path(out) for out in (asked.plot, asked.table) if out is not None])
    given = {} if asked.boxes is None else read_boxes(asked.boxes, paths)
    unread = unreadable(paths)
    for error in () if asked.as_json else unread.values():
        say(f"error: {error}")
    predictor = _predictor(asked, bool(asked.plot) or len(unread) < len({*paths}))
    whole = predictor is not None and (
        asked.boxes is not None or (predictor.detects if asked.detect is None else asked.detect)
    )
    tally = Tally()
    with ExitStack() as stack:
        takers = [tally.add, *map(stack.enter_context, _takers(asked, images, predictor, whole))]
        stack.enter_context(asked.stdout_is_kept())
        progress = stack.enter_context(ProgressBar(console(), "images", len(images), few=FEW))
        for prediction in _predictions(asked, predictor, paths, unread, given):
            if prediction.error is not None and not asked.as_json and prediction.path not in unread:
                say(f"error: {prediction.error}")
            if predictor is not None and prediction.faces and not tally.faces:
                _say_of_ages(predictor, tally, asked, whole)
            # Lines and rows first: a picture that cannot be written must not cost an answer.
            for take in reversed(takers):
                take(prediction)
            progress.step()
    if len(images) > FEW or asked.table is not None:
        say(tally.text())
    _conclude(tally, whole)


def _predictions(
    asked: Options,
    predictor: PredictorBase | None,
    paths: Sequence[str],
    unread: Mapping[str, str],
    given: Mapping[str, Any],
) -> Iterator[Prediction]:
    """The answer for each image; without a model, why none of them can be read."""
    if predictor is None:
        yield from (Prediction(path, (), unread[path]) for path in paths)
        return
    found = predictor.stream(paths, asked.detect, asked.faces, batch_size=asked.batch_size, **given)
    for prediction in found:
        yield prediction if asked.over is None else judged(prediction, asked.over)


def _conclude(tally: Tally, whole: bool) -> None:
    """Says what was left out; fails where no face was found, or an image could not be read."""
    for note in tally.notes():
        say(f"note: {note}")
    if whole and tally.images > tally.unread and not tally.faces:
        raise DataError("no face was found", "if the images are face chips, use --no-detect")
    if tally.unread:
        raise click.exceptions.Exit(1)


def _predictor(asked: Options, needed: bool) -> PredictorBase | None:
    """The model that is asked, loaded where it is needed."""
    if not needed:
        return None
    model = model_or_default(asked.model, "estimator")
    with asked.stdout_is_kept():
        predictor = load(model, asked.device, asked.runtime)
        if asked.over is not None:
            _check_over(predictor, asked.over)
        predictor.attributes = _attributes(asked)
    return predictor


def _check_over(predictor: Predictor, years: int) -> None:
    """Refuses a model whose answers could not tell.

    Raises:
        ConfigError: its intervals are of no level that is known, or its ages do not go beyond.
    """
    first, last = predictor.ages
    if predictor.level is None:
        reason = "its intervals are not calibrated, and --over answers by them"
    elif not first < years <= last:
        reason = f"it knows the ages from {first} to {last} alone, which say nothing of {years:g}"
    else:
        return
    raise ConfigError(f"{predictor.name} cannot tell who is over {years:g}: {reason}", _OTHER)


def _say_of_ages(predictor: PredictorBase, tally: Tally, asked: Options, whole: bool) -> None:
    """Prints what people should know of ages, before the first of them."""
    if whole and predictor.alignment_unknown:
        say(f"note: {tally.unknown_alignment(predictor.name)}")
    if predictor.level is not None and not asked.as_json:
        say(f"note: {_INTERVAL.format(100 * predictor.level)}")
    if asked.over is not None:
        say(f"note: {_OVER.format(asked.over)}")


def _say_one_thing_each(keys: Sequence[str | None]) -> None:
    if twice := next((key for key in keys if key is not None and keys.count(key) > 1), None):
        raise click.UsageError(f"--with: two models say the {twice} of a face: name one.")


def _attributes(asked: Options) -> list[FaceAttribute]:
    """The models that say more of each face; tells which they are."""
    loaded = [load_attribute(name, asked.device, asked.runtime) for name in asked.attributes]
    _say_one_thing_each([one.key for one in loaded])
    for name, one in zip(asked.attributes, loaded, strict=True):
        if name == one.key:
            say(f"note: the {one.key} is said by {one.name}; choose another with --with MODEL")
    return loaded


def _takers(
    asked: Options, images: Sequence[ImageFile], predictor: PredictorBase | None, whole: bool
) -> Iterator[AbstractContextManager[Taker]]:
    """The writers of answers: pictures, and one of JSON, CSV and lines; JSON beside a CSV file."""
    if predictor is not None and asked.plot is not None and whole:
        targets = photo_targets(asked.plot, images)
        keep_inputs([image.path for image in images], targets)
        yield marked_photos(targets)
    elif predictor is not None and asked.plot is not None:
        yield chip_rows(asked.plot, len(images))
    if asked.as_json:
        yield json_document(asked.distribution)
    if asked.table is not None:
        keys = [] if predictor is None else [one.key for one in predictor.attributes]
        keys += [OVER] * (predictor is not None and asked.over is not None)
        yield csv_rows(asked.table, keys)
    if not asked.as_json and asked.table is None:
        yield lines()
