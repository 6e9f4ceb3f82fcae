"""Images read by threads, a little ahead of whoever needs them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agekit.data.images import ImageLike, is_path, path_of, read_image
from agekit.errors import DataError

__all__ = ["Chip", "Picture", "read_ahead"]

CHIPS_AHEAD = 128


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read, or why it could not be.

    Attributes:
        name: its path, or that of an open file; empty for one that came in memory.
        pixels: (H, W, 3) uint8, upright, RGB; None if it could not be read.
        error: why it could not be read, or None.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    error: str | None = None


class Chip(NamedTuple):
    """A face to estimate.

    Args:
        pixels: (S, S, 3) uint8.
        box: where it was (x0, y0, x1, y1), pixels, within the photo; None if it is all there is.
    """

    pixels: NDArray[np.uint8]
    box: tuple[float, float, float, float] | None = None


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
    waiting: deque[Future[Picture]] = deque()
    pool = ThreadPoolExecutor(threads)
    alone: ImageLike | None = None
    try:
        for number, image in enumerate(images):
            if alone is not None:
                waiting.append(pool.submit(_read, alone, size, 0))
                alone = None
            if is_path(image) and number == 0:
                alone = image
            elif is_path(image):
                waiting.append(pool.submit(_read, image, size, number))
            else:
                waiting.append(Future())
                waiting[-1].set_result(_read(image, size, number))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        if alone is not None:
            yield _read(alone, size, 0)
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(image: ImageLike, size: int | None, number: int) -> Picture:
    path = path_of(image)
    try:
        return Picture(path, read_image(image, size, f"images[{number}]"))
    except DataError as error:
        return Picture(
            path, None, f"{error.message} ({error.hint})" if error.hint else error.message
        )
