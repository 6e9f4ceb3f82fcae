"""Images as callers have them: files, their bytes, Pillow images, arrays, tensors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sized
from inspect import iscoroutinefunction
from io import TextIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.data.arrays import TAKEN, checked_array, is_array, is_tensor
from agekit.data.decode import decode, decode_image, decode_image_whole, decode_whole
from agekit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FilePath", "ImageLike", "is_one", "is_path", "path_of", "read_image", "several"]

FilePath = str | os.PathLike[str] | os.PathLike[bytes]
ImageLike: TypeAlias = (
    "FilePath | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | Tensor"
)


def is_path(image: object) -> TypeGuard[FilePath]:
    """Whether it is the path of a file."""
    return isinstance(image, str | os.PathLike)


def path_of(image: object) -> str:
    """The path of an image that is one, or of an open file that knows its own; else empty."""
    place = image if is_path(image) else getattr(image, "name", "")
    return os.fsdecode(place) if is_path(place) else ""


def is_one(images: object) -> bool:
    """Whether it is an image by itself, and not a list or a batch of them."""
    return is_path(images) or _in_memory(images) or (is_array(images) and not _is_list(images))


def several(images: ImageLike | Iterable[ImageLike]) -> Iterable[ImageLike]:
    """An image as a list of one, a batch or a list as its images; each is checked.

    Four dimensions are a batch of arrays or tensors. A list is checked whole
    before anything is done with it; what a generator gives, as it comes.

    Raises:
        ConfigError: something is no image; the hint says what is taken.
    """
    if is_one(images):
        listed: Iterable[Any] = [images]
    elif isinstance(images, Mapping) or hasattr(images, "read") or not isinstance(images, Iterable):
        raise _no_image(images, "images")
    else:
        listed = images
    return list(_checked(listed)) if isinstance(listed, Sized) else _checked(listed)


def read_image(image: ImageLike, size: int | None, name: str) -> NDArray[np.uint8]:
    """Reads an image: upright, RGB, whole or as a chip.

    An open file is read from its start.

    Args:
        image: any that `several` lets through.
        size: side of the centre square it is scaled to, pixels; None reads all of it.
        name: what to call one without a path in errors.

    Returns:
        (H, W, 3) or (size, size, 3) uint8.

    Raises:
        DataError: it cannot be read; the message has its path or its name.
    """
    if isinstance(image, Image.Image) or is_array(image):
        pixels: Any = image
        if size is None:
            return decode_image_whole(pixels, name)
        return decode_image(pixels, size, name)
    if is_path(image):
        name = path_of(image)
        data: bytes | Path = Path(name)
    elif isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
    else:
        name = path_of(image) or name
        data = _contents(image, name)
    return decode_whole(data, name) if size is None else decode(data, size, name)


def _checked(images: Iterable[Any]) -> Iterator[ImageLike]:
    for k, image in enumerate(images):
        name = f"images[{k}]"
        if is_array(image):
            try:
                checked_array(image, name)
            except DataError as error:
                raise ConfigError(error.message, error.hint) from None
        elif not (is_path(image) or _in_memory(image)):
            raise _no_image(image, name)
        yield image


def _in_memory(image: object) -> bool:
    """Whether it is the bytes of a file, an open file or a Pillow image."""
    if isinstance(image, bytes | bytearray | memoryview | Image.Image):
        return True
    read = getattr(image, "read", None)
    if isinstance(image, type | TextIOBase) or iscoroutinefunction(read):
        return False
    return callable(read)


def _is_list(array: Any) -> bool:
    """Whether an array is a batch, or a list of paths or of other images."""
    listed = array.ndim == 1 and not is_tensor(array) and array.dtype.kind in "OU"
    return listed or array.ndim == 4


def _contents(file: Any, name: str) -> bytes:
    try:
        if hasattr(file, "seekable") and file.seekable():
            file.seek(0)
        data = file.read()
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: cannot be read: {error}") from None
    if not isinstance(data, bytes | bytearray | memoryview):
        raise DataError(f"{name}: reading it gives {_kind(data)}, not bytes")
    return bytes(data)


def _no_image(value: object, name: str) -> ConfigError:
    return ConfigError(f"{name}: an object of type {_kind(value)} is no image", TAKEN)


def _kind(value: object) -> str:
    return type(value).__qualname__
