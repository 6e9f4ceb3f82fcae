"""A passage of years as a moving picture: GIF by Pillow, MP4 by agekit-video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.atomic import written
from agekit.errors import MissingLibraryError

__all__ = ["STEPS", "between", "movie_maker", "save_gif", "save_mp4"]

STEPS = 25
"""Ages of a passage."""
RATE = 10
"""Pictures a second."""
WIDEST = {"gif": 480, "mp4": 1280}
"""The longer side of a picture at most, pixels."""

Pixels = NDArray[np.uint8]


def between(knots: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Ages from knot to knot, as many years each step within a part.

    Args:
        knots: (K, N) ages of N faces, K at least 2.
        count: how many steps, both ends among them; at least 2.

    Returns:
        (count, N).
    """
    along = np.linspace(0, len(knots) - 1, count)
    at = [np.interp(along, np.arange(len(knots)), face) for face in knots.T]
    return np.stack(at, 1).astype(np.float32)


def movie_maker() -> Any:
    """What writes videos, `agekit_video.movie`.

    Raises:
        MissingLibraryError: agekit-video is not installed.
    """
    try:
        return import_module("agekit_video.movie")
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            "--mp4 needs agekit-video, which is not installed", "pip install agekit-video"
        ) from error


def save_gif(path: Path, pictures: Iterable[Pixels]) -> None:
    """Writes pictures there and back, again and again.

    Args:
        path: the file; its folder is made.
        pictures: (H, W, 3) RGB each, at least two.
    """
    first, *rest = (Image.fromarray(one) for one in _there_and_back(pictures, WIDEST["gif"]))
    with written(path) as aside:
        first.save(aside, "GIF", save_all=True, append_images=rest, duration=1000 // RATE, loop=0)


def save_mp4(path: Path, pictures: Iterable[Pixels]) -> None:
    """Writes pictures there and back, once.

    Raises:
        DataError: it cannot be encoded.
        MissingLibraryError: see `movie_maker`.
    """
    with movie_maker().open_movie(path, float(RATE)) as movie:
        for k, picture in enumerate(_there_and_back(pictures, WIDEST["mp4"])):
            movie.add(k / RATE, picture)


def _there_and_back(pictures: Iterable[Pixels], widest: int) -> Iterator[Pixels]:
    """The pictures, scaled down where they are large, and all but the ends of them backwards."""
    there = []
    for picture in pictures:
        image = Image.fromarray(picture)
        image.thumbnail((widest, widest), Image.Resampling.LANCZOS)
        there.append(np.asarray(image))
        yield there[-1]
    yield from there[-2:0:-1]
