"""Images read by threads, a little ahead of whoever needs them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agekit.data.images import ImageLike, is_path, path_of, read_image
from agekit.errors import DataError
from agekit.inference.prediction import Box, Face, Points

__all__ = ["Chip", "Picture", "read_ahead"]

CHIPS_AHEAD = 128


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read, or why it could not be.

    Attributes:
        name: its path, or that of an open file; empty for one that came in memory.
        pixels: (H, W, 3) uint8, upright, RGB; None if it could not be read.
        error: why it could not be read, or None.
        source: the image as it was given; None if it came out of a generator.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    error: str | None = None
    source: ImageLike | None = None


class Chip(NamedTuple):
    """A face to estimate.

    Args:
        pixels: (S, S, 3) uint8.
        box: where it was, within the photo; None if it is all there is.
        score: how sure the detector was of it.
        points: where its five points were in the photo.
        warning: what a person should know of it.
    """

    pixels: NDArray[np.uint8]
    box: Box | None = None
    score: float | None = None
    points: Points | None = None
    warning: str | None = None

    def face(
        self,
        age: float,
        interval: tuple[float, float],
        ages: Sequence[int],
        p: Sequence[float] | None,
    ) -> Face:
        """What a model says of it; `ages` are the label ages of the distribution `p`, if any."""
        labels, shares = ((), None) if p is None else (tuple(ages), tuple(p))
        return Face(age, interval, self.box, labels, shares, self.score, self.points)


def read_ahead(images: Iterable[ImageLike], size: int | None) -> Iterator[Picture]:
    """Reads images, in order, files in threads; few whole photos are in memory at once.

    A file that comes alone is read without a thread, which would cost more than the reading.

    Args:
        images: as `agekit.data.images.several` gives them; those in memory are read as they come,
            so that their owner may change them afterwards.
        size: side of the chips to make of them, pixels; None reads them whole.
    """
    threads = min(4, os.cpu_count() or 1)
    ahead = 2 * threads if size is None else CHIPS_AHEAD
    read = partial(_read, size=size, keep=isinstance(images, Sized))
    waiting: deque[Future[Picture]] = deque()
    pool = ThreadPoolExecutor(threads)
    alone: ImageLike | None = None
    try:
        for number, image in enumerate(images):
            if alone is not None:
                waiting.append(pool.submit(read, alone, 0))
                alone = None
            if is_path(image) and number == 0:
                alone = image
            elif is_path(image):
                waiting.append(pool.submit(read, image, number))
            else:
                waiting.append(Future())
                waiting[-1].set_result(read(image, number))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        if alone is not None:
            yield read(alone, 0)
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(image: ImageLike, number: int, size: int | None, keep: bool) -> Picture:
    picture = Picture(path_of(image), None, source=image if keep or is_path(image) else None)
    try:
        return replace(picture, pixels=read_image(image, size, f"images[{number}]"))
    except DataError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return replace(picture, error=error.message + hint)
