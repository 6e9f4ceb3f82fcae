"""The pictures of `agekit predict --plot`, and what `--plot` may name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agekit.errors import AgekitError, DataError

if TYPE_CHECKING:
    from agekit.cli._answers import Answer
    from agekit.inference.inputs import ImageFile
    from agekit.inference.prediction import Prediction

__all__ = ["chip_rows", "keep_inputs", "marked_photos", "photo_targets"]


def keep_inputs(images: Iterable[ImageFile], outputs: Iterable[Path]) -> None:
    """Makes sure that nothing is written over the images.

    Raises:
        DataError: an output is one of the images.
    """
    own = {os.path.realpath(image.path) for image in images}
    for path in outputs:
        if os.path.realpath(path) in own:
            raise DataError(f"{path} is one of the images: it is not overwritten", "name another")


def photo_targets(plot: str, images: Sequence[ImageFile]) -> list[Path]:
    """Where the marked copy of each photo goes: `plot` itself of a single one, else below it.

    Raises:
        UsageError: `plot` names a file of another kind, or one file for several photos.
    """
    from agekit.inference.plot import PHOTO_SUFFIXES, photo_paths

    suffix = Path(plot).suffix.lower()
    if plot.endswith(("/", os.sep)) or os.path.isdir(plot) or not suffix:
        return photo_paths(Path(plot), [image.name for image in images])
    if suffix not in PHOTO_SUFFIXES:
        raise click.UsageError(f"--plot {plot}: name a .png or .jpg file, or a folder.")
    if len(images) > 1:
        raise click.UsageError(
            f"--plot {plot}: there are {len(images):,} photos; name a folder for their pictures."
        )
    return [Path(plot)]


@contextmanager
def marked_photos(targets: Sequence[Path]) -> Iterator[Answer]:
    """Writes a marked copy of each photo that could be read.

    Once one cannot be written no more are tried, and that error is raised when all is answered.
    """
    from agekit.inference.plot import plot_photo

    waiting = iter(targets)
    failed: list[OSError | AgekitError] = []

    def add(prediction: Prediction) -> None:
        target = next(waiting)
        if prediction.error is None and not failed:
            try:
                plot_photo(target, prediction)
            except (OSError, AgekitError) as error:
                failed.append(error)

    yield add
    if failed:
        raise failed[0]


@contextmanager
def chip_rows(plot: str, count: int) -> Iterator[Answer]:
    """Draws all chips, a row each, in one PNG when all is answered.

    Args:
        plot: the file.
        count: how many images there are.

    Raises:
        UsageError: `plot` is a folder.
        DataError: there are more than one picture holds.
    """
    from agekit.inference.plot import MOST, plot_predictions

    if plot.endswith(("/", os.sep)) or os.path.isdir(plot):
        raise click.UsageError(f"--plot {plot}: face chips are drawn in one picture; name a file.")
    if count > MOST:
        raise DataError(
            f"{count:,} images are too many for one picture", f"draw at most {MOST} at a time"
        )
    shown: list[Prediction] = []
    yield shown.append
    if any(prediction.faces for prediction in shown):
        plot_predictions(Path(plot), shown)
