"""Predictions as pictures: chips beside their distributions, photos with their faces marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from agekit.atomic import write_from_memory
from agekit.data.images import ImageLike, read_image
from agekit.errors import ConfigError, DataError
from agekit.inference.draw import draw_faces
from agekit.inference.prediction import Prediction
from agekit.inference.saving import save_picture

__all__ = ["MOST", "PHOTO_SUFFIXES", "photo_paths", "picture_of", "plot_photo", "plot_predictions"]

SIDE = 192
DPI = 130
MOST = 200
PHOTO_SUFFIXES = frozenset({".jpeg", ".jpg", ".png"})
STYLE: Any = {"font.size": 9, "axes.titlesize": 10}


def plot_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Draws one row a face.

    Args:
        path: the PNG to write.
        predictions: of images that they remember; those that could not be read are left out.

    Raises:
        DataError: there is no face to draw, or more than one picture holds.
    """
    write_from_memory(path, partial(_rows(predictions).savefig, format="png", dpi=DPI))


def plot_photo(path: Path, prediction: Prediction) -> None:
    """Draws boxes, ages and intervals on a copy of a photo.

    Args:
        path: the picture to write, a JPEG or, with another ending, a PNG.
        prediction: of a photo that it remembers.

    Raises:
        DataError: the photo cannot be read.
    """
    save_picture(path, picture_of(prediction))


def picture_of(prediction: Prediction, image: ImageLike | None = None) -> Image.Image:
    """The picture of a prediction; see `Prediction.plot`."""
    if image is not None:
        prediction = replace(prediction, image=image)
    if any(face.box is None for face in prediction.faces):
        file = BytesIO()
        _rows([prediction]).savefig(file, format="png", dpi=DPI)
        return Image.open(file)
    return draw_faces(_pixels(prediction, None), prediction.faces)


def _rows(predictions: Sequence[Prediction]) -> Figure:
    shown = [(p, face) for p in predictions for face in p.faces]
    if not shown:
        raise DataError("there is no face to draw")
    if len(shown) > MOST:
        raise DataError(
            f"{len(shown)} faces are too many for one picture", f"draw at most {MOST} at a time"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 1.9 * len(shown)), layout="constrained")
        axes = figure.subplots(len(shown), 2, squeeze=False, width_ratios=[1, 2])
        for (picture, plot), (prediction, face) in zip(axes, shown, strict=True):
            picture.imshow(_pixels(prediction, SIDE))
            picture.set_axis_off()
            low, high = face.interval
            plot.set_title(f"{face.age:.1f} years ({low:.0f}-{high:.0f})", loc="left")
            plot.axvspan(low, high, color="#e07a5f", alpha=0.15, linewidth=0)
            plot.axvline(face.age, color="#e07a5f")
            if face.p is not None:
                plot.fill_between(face.ages, face.p, color="#3d405b", alpha=0.4, linewidth=0)
                plot.set_ylim(bottom=0)
            plot.set_yticks([])
            plot.spines[["top", "left", "right"]].set_visible(False)
            plot.set_xlabel("age (years)")
    return figure


def _pixels(prediction: Prediction, size: int | None) -> NDArray[np.uint8]:
    image = prediction.path or None if prediction.image is None else prediction.image
    if image is None:
        raise ConfigError("the image is not remembered: it came out of a generator", "give it")
    return read_image(image, size, prediction.path or "image")


def photo_paths(folder: Path, names: Iterable[str]) -> list[Path]:
    """Where the pictures of photos go, one each, below a folder.

    Args:
        folder: the folder.
        names: the photos' own, with forward slashes. Kept as they are, but for endings that
            `plot_photo` does not write, which become ``.png``, and for those taken already, which
            get a number.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for name in names:
        wanted = Path(name) if ".." not in Path(name).parts else Path(Path(name).name)
        suffix = wanted.suffix if wanted.suffix.lower() in PHOTO_SUFFIXES else ".png"
        path, number = wanted.with_suffix(suffix), 1
        while path.as_posix().casefold() in taken:
            number += 1
            path = wanted.with_name(f"{wanted.stem}-{number}{suffix}")
        taken.add(path.as_posix().casefold())
        paths.append(folder / path)
    return paths
