"""Decoding image files to upright RGB arrays."""

from __future__ import annotations

import os
import struct
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.data.formats import reader_of
from agekit.errors import DataError

__all__ = [
    "DECODE_VERSION",
    "MAX_PIXELS",
    "check_pixels",
    "damage_as_error",
    "decode",
    "in_threads",
    "quiet",
    "unusable",
    "upright",
]

T = TypeVar("T")
R = TypeVar("R")
DECODE_VERSION = 1
"""In the name of the cache: to be raised whenever the same file decodes to other pixels."""
MAX_PIXELS = 64_000_000
"""A file of a few bytes can claim to hold more than the memory does."""

_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    data: bytes | Path, size: int | None, name: str = "", *, most: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decodes an image file: upright, RGB; the centre square with `size` pixels a side, or whole.

    The format is told from the first bytes; the reader of each is called itself, so that nothing
    but JPEG, PNG, WebP, AVIF, HEIC, BMP, GIF, TIFF and PNM is ever tried, and the pixel count is
    known before a pixel is decoded.

    Args:
        data: the file's bytes, or its path.
        size: side of the result in pixels; None neither scales nor cuts.
        name: what to call the image in errors; a path's own name if left out.
        most: pixels; an image of more is refused.

    Returns:
        (size, size, 3), or (H, W, 3), uint8.

    Raises:
        DataError: not an image, too many pixels, truncated, corrupt, or unreadable.
    """
    if isinstance(data, Path):
        name = name or str(data)
        try:
            data = data.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{name}: cannot be read: {reason}") from None
    name = name or "image"
    if not data:
        raise DataError(f"{name}: the file is empty")
    reader = reader_of(data, name)
    with damage_as_error(f"{name}: truncated or corrupt image"), reader(BytesIO(data)) as image:
        check_pixels(image.size, name, most)
        if size is not None:
            image.draft(None, (2 * size, 2 * size))
        return upright(image, size, name)


@contextmanager
def damage_as_error(what: str) -> Iterator[None]:
    """Raises any error of Pillow as a DataError; a want of memory stays as it is."""
    with quiet():
        try:
            yield
        except (DataError, MemoryError):
            raise
        except Exception as error:
            raise DataError(f"{what}: {str(error) or type(error).__name__}") from None


def check_pixels(size: tuple[int, int], name: str, most: int = MAX_PIXELS) -> None:
    """Refuses an image, (width, height), of more than `most` pixels or of none.

    Raises:
        DataError: as said.
    """
    count = size[0] * size[1]
    if count > most:
        raise DataError(
            f"{name}: {size[0]} x {size[1]} = {count} pixels; the limit is {most}",
            "scale the image down first",
        )
    if count == 0:
        raise DataError(f"{name}: the image has no pixels")


def upright(image: Image.Image, size: int | None, name: str) -> NDArray[np.uint8]:
    """The centre square scaled to `size`, or the whole image; upright and RGB either way."""
    image.load()
    from_file = image.format is not None
    turn = _TURN.get(_orientation(image.info.get("exif") or b"")) if from_file else None
    image = _plain(image, name)
    if size is not None:
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
    return np.array(image)


def _plain(image: Image.Image, name: str) -> Image.Image:
    """The image as L, RGB or RGBA, whichever holds it without loss that matters."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        raise DataError(
            f"{name}: images of floating-point pixels are not supported", "save it with 8 bits"
        )
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _orientation(exif: bytes) -> int:
    """The EXIF orientation (tag 0x0112 of the first directory), 1 where there is none.

    Read here and not by Pillow, which gives up on directories that are damaged elsewhere.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == 0x0112:
                return int(value)
    except struct.error:
        pass
    return 1


def unusable(error: DataError | OSError, name: str) -> str:
    """The reason why the image `name` cannot be used, in words that leave its name out."""
    if isinstance(error, DataError):
        return error.message.removeprefix(f"{name}: ")
    return f"cannot be read: {error.strerror or error}"


def in_threads(
    work: Callable[[T], R], items: Iterable[T], *, threads: int | None = None, ahead: int = 0
) -> Generator[Future[R], None, None]:
    """The results of decoding work, in the order of the items, made a little ahead in threads.

    Args:
        work: what to do with an item; Pillow is quiet meanwhile.
        items: what there is to do.
        threads: as many as there are processors if left out.
        ahead: results that may wait to be taken; four for each thread if left out.
    """
    count = threads or os.cpu_count() or 1
    pool = ThreadPoolExecutor(count)
    waiting: deque[Future[R]] = deque()
    try:
        with quiet():
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > (ahead or 4 * count):
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


_lock = threading.Lock()
_depth = 0
_saved: warnings.catch_warnings[None] | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Pillow's warnings about damaged files to itself, in any number of threads at once.

    The filters of `warnings` belong to the process: they are changed when the first thread
    enters and put back when the last one leaves.
    """
    global _depth, _saved
    with _lock:
        if _depth == 0:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _saved is not None:
                _saved.__exit__(None, None, None)
                _saved = None
