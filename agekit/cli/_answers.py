"""Answers of `agekit predict`: lines for people, one JSON document, rows of CSV, pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Protocol

import click

from agekit.cli.output import csv_table, printable, to_plain
from agekit.data.sheet import csv_cell
from agekit.errors import AgekitError, DataError, counted
from agekit.inference.face import Answer
from agekit.inference.saving import JPEG_SUFFIXES, result_paths, save_picture

if TYPE_CHECKING:
    from agekit.inference.inputs import ImageFile
    from agekit.inference.prediction import Prediction

__all__ = [
    "COLUMNS",
    "OVER",
    "Taker",
    "Tally",
    "chip_rows",
    "csv_rows",
    "json_document",
    "judged",
    "lines",
    "marked_photos",
    "photo_targets",
]

OVER = "over"
COLUMNS = ("path", "face", "age", "low", "high", "x0", "y0", "x1", "y1", "error")
MORE_COLUMNS = ("score", "upright")
Taker = Callable[["Prediction"], None]
"""Takes each prediction as it is made."""

_PHOTO_SUFFIXES = JPEG_SUFFIXES | {".png"}
_WARNINGS = 3
_IN_MEMORY = 16_000_000
_CHUNK = 1_000_000


class _Answered(Protocol):
    """An image that was answered, whatever was made of its faces."""

    @property
    def path(self) -> str: ...
    @property
    def faces(self) -> Sequence[Any]: ...
    @property
    def error(self) -> str | None: ...
    @property
    def warning(self) -> str | None: ...


@dataclass
class Tally:
    """Counts of what was found so far, and what people should know of it.

    Args:
        doubt: what becomes of faces that are cut by a guess.
    """

    doubt: str = "their ages may be off"
    images: int = 0
    faces: int = 0
    without: int = 0
    unread: int = 0
    turned: int = 0
    boxed: int = 0
    warned: dict[str, list[str]] = field(default_factory=dict)

    def add(self, prediction: _Answered) -> None:
        """Counts an image."""
        self.images += 1
        self.faces += len(prediction.faces)
        self.unread += prediction.error is not None
        self.without += prediction.error is None and not prediction.faces
        self.turned += any(face.upright is False for face in prediction.faces)
        if prediction.warning is not None:
            self.warned.setdefault(prediction.warning, []).append(prediction.path)
        self.boxed += sum(
            face.box is not None and face.upright is None for face in prediction.faces
        )

    def text(self) -> str:
        """For people."""
        text = f"{counted(self.images, 'image')}: {counted(self.faces, 'face')}"
        text += f"; {self.without:,} without a face" if self.without else ""
        return text + (f"; {self.unread:,} could not be read" if self.unread else "")

    def notes(self) -> Iterator[str]:
        """Notes for people on how the faces were found."""
        if self.turned:
            yield f"in {self.turned:,} of the images there are faces on their side or upside down"
        for warning, paths in islice(self.warned.items(), _WARNINGS):
            more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
            yield f"{printable(paths[0])}{more}: {warning}"
        if left := sum(map(len, islice(self.warned.values(), _WARNINGS, None))):
            are = counted(left, "more image is no face chip", "more images are no face chips")
            yield f"{are}, or not of the model's frame"
        if self.boxed:
            cut = counted(self.boxed, "face was cut by its box", "faces were cut by their boxes")
            yield f"{cut}, where no eyes, nose and mouth were found: {self.doubt}"

    def unknown_alignment(self, model: str) -> str:
        """A note on faces found in photos for a model that says of no point."""
        return (
            f"{model} does not say how its faces were cut; the faces found are cut to the standard "
            f"frame, and {self.doubt}"
        )


def judged(prediction: Prediction, years: int) -> Prediction:
    """The same, with the answer yes, no or unsure to whether each face is at least so old."""
    faces = []
    for face in prediction.faces:
        said = {True: "yes", False: "no", None: "unsure"}[face.is_over(years)]
        answer = Answer({"years": years, "answer": said}, said, f"over {years:g}: {said}")
        faces.append(replace(face, more={**face.more, OVER: answer}))
    return replace(prediction, faces=tuple(faces))


@contextmanager
def lines() -> Iterator[Taker]:
    """A line a face on stdout."""

    def add(prediction: Prediction) -> None:
        path, faces = printable(prediction.path), prediction.faces
        if not faces and prediction.error is None:
            click.echo(f"{path}: no face found")
        for k, face in enumerate(faces, 1):
            low, high = face.interval
            which = "" if len(faces) == 1 else f"face {k} of {len(faces)}: "
            where = ""
            if len(faces) > 1 and face.box is not None:
                x0, y0, x1, y1 = face.box
                where = f", {x1 - x0:.0f} x {y1 - y0:.0f} pixels at ({x0:.0f}, {y0:.0f})"
            more = "".join(f", {answer.text}" for answer in face.more.values())
            click.echo(f"{path}: {which}{face.age:.1f} years ({low:.0f}-{high:.0f}){more}{where}")

    yield add


@contextmanager
def json_document(distribution: bool) -> Iterator[Taker]:
    """One JSON list on stdout, when all is done; kept on disk meanwhile where it is large.

    Args:
        distribution: adds the distribution of each age.
    """
    with SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii") as spool:
        count = 0

        def add(prediction: Prediction) -> None:
            nonlocal count
            spool.write(",\n" if count else "[\n")
            spool.write(json.dumps(to_plain(prediction.to_dict(distribution)), allow_nan=False))
            count += 1

        yield add
        spool.write("\n]\n" if count else "[]\n")
        spool.seek(0)
        while text := spool.read(_CHUNK):
            click.echo(text, nl=False)


@contextmanager
def csv_rows(place: str, attributes: Sequence[str] = ()) -> Iterator[Taker]:
    """A row a face, and one for each image without; UTF-8.

    Paths that a spreadsheet would take for a formula begin with ``./``, which is the same path.

    Args:
        place: the file, which appears when all is done; or ``-``, stdout.
        attributes: what else is said of each face, a column each at the end.
    """
    with csv_table(place, (*COLUMNS, *MORE_COLUMNS, *attributes)) as write:

        def add(prediction: Prediction) -> None:
            for k, face in enumerate(prediction.faces, 1):
                years = [f"{value:.2f}" for value in (face.age, *face.interval)]
                box = [""] * 4 if face.box is None else [f"{end:.1f}" for end in face.box]
                score = "" if face.score is None else f"{face.score:.4f}"
                upright = {None: "", True: "1", False: "0"}[face.upright]
                more = [face.more[key].label for key in attributes]
                write([csv_cell(prediction.path), k, *years, *box, "", score, upright, *more])
            if not prediction.faces:
                error = csv_cell(prediction.error or "")
                more = [""] * (2 + len(attributes))
                write([csv_cell(prediction.path), *[""] * 8, error, *more])

        yield add


def photo_targets(plot: str, images: Sequence[ImageFile]) -> list[Path]:
    """The path of each photo's marked copy: `plot` itself of a single one, else below it.

    Raises:
        UsageError: `plot` names a file of another kind, or one file for several photos.
    """
    suffix = Path(plot).suffix.lower()
    if plot.endswith(("/", os.sep)) or os.path.isdir(plot) or not suffix:
        return result_paths(Path(plot), [image.name for image in images], _PHOTO_SUFFIXES)
    if suffix not in _PHOTO_SUFFIXES:
        raise click.UsageError(f"--plot {plot}: name a .png or .jpg file, or a folder.")
    if len(images) > 1:
        raise click.UsageError(
            f"--plot {plot}: there are {len(images):,} photos; name a folder for their pictures."
        )
    return [Path(plot)]


@contextmanager
def marked_photos(targets: Sequence[Path]) -> Iterator[Taker]:
    """Writes a marked copy of each photo that could be read.

    Once one cannot be written no more are tried, and that error is raised when all is answered.
    """
    waiting = iter(targets)
    failed: list[OSError | AgekitError] = []

    def add(prediction: Prediction) -> None:
        target = next(waiting)
        if prediction.error is None and not failed:
            try:
                save_picture(target, prediction.plot())
            except (OSError, AgekitError) as error:
                failed.append(error)

    yield add
    if failed:
        raise failed[0]


@contextmanager
def chip_rows(plot: str, count: int) -> Iterator[Taker]:
    """Draws all chips, a row each, in one PNG when all is answered.

    Args:
        plot: the file.
        count: how many images there are.

    Raises:
        UsageError: `plot` is a folder.
        DataError: there are more than one picture holds.
    """
    from agekit.inference.plot import MOST, save_rows

    if plot.endswith(("/", os.sep)) or os.path.isdir(plot):
        raise click.UsageError(f"--plot {plot}: face chips are drawn in one picture; name a file.")
    if count > MOST:
        raise DataError(
            f"{count:,} images are too many for one picture", f"draw at most {MOST} at a time"
        )
    shown: list[Prediction] = []
    yield shown.append
    if rows := [row for prediction in shown for row in prediction.rows()]:
        save_rows(Path(plot), rows)
