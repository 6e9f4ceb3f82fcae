"""Images read by threads, a little ahead of whoever needs them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.data.decode import decode, decode_image, decode_image_whole, decode_whole
from agekit.errors import DataError

__all__ = ["Chip", "ImageLike", "Picture", "read_ahead", "several"]

ImageLike = str | Path | Image.Image | NDArray[np.uint8]
CHIPS_AHEAD = 128


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read, or why it could not be.

    Attributes:
        name: its path; empty for one that came in memory.
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
        images: paths, Pillow images, or arrays; those in memory are read as they come, so that
            their owner may change them afterwards.
        size: side of the chips to make of them, pixels; None reads them whole.
    """
    threads = min(4, os.cpu_count() or 1)
    ahead = 2 * threads if size is None else CHIPS_AHEAD
    waiting: deque[Future[Picture]] = deque()
    pool = ThreadPoolExecutor(threads)
    alone: str | Path | None = None
    try:
        for number, image in enumerate(images):
            if alone is not None:
                waiting.append(pool.submit(_read, alone, size))
                alone = None
            if isinstance(image, str | Path) and number == 0:
                alone = image
            elif isinstance(image, str | Path):
                waiting.append(pool.submit(_read, image, size))
            else:
                waiting.append(Future())
                waiting[-1].set_result(_read(image, size))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        if alone is not None:
            yield _read(alone, size)
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(image: ImageLike, size: int | None) -> Picture:
    name = str(image) if isinstance(image, str | Path) else ""
    try:
        if isinstance(image, str | Path):
            path = Path(image)
            return Picture(name, decode_whole(path) if size is None else decode(path, size))
        if size is None:
            return Picture(name, decode_image_whole(image))
        return Picture(name, decode_image(image, size))
    except DataError as error:
        return Picture(name, None, error.message)


def several(images: ImageLike | Iterable[ImageLike]) -> Iterable[ImageLike]:
    """An image itself as a list of one; an array of four dimensions is a batch."""
    if isinstance(images, np.ndarray):
        return [images] if images.ndim < 4 else list(images)
    return [images] if isinstance(images, str | Path | Image.Image) else images
