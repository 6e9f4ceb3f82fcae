"""Images as callers have them: files, their bytes, Pillow images, arrays, tensors."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sized
from inspect import iscoroutinefunction
from io import TextIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.data.decode import check_pixels, damage_as_error, decode, upright
from agekit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FilePath",
    "ImageLike",
    "decode_image",
    "is_one",
    "is_path",
    "is_tensor",
    "path_of",
    "read_image",
    "several",
]

FilePath = str | os.PathLike[str] | os.PathLike[bytes]
ImageLike: TypeAlias = (
    "FilePath | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | Tensor"
)

_TAKEN = (
    "an image is a path, the bytes of a file, an open binary file, a Pillow image, an RGB array "
    "(H, W, 3) of uint8 or of floats from 0 to 1, such a tensor, (3, H, W) or (H, W, 3), or a list "
    "of these"
)
_CHANNELS = (1, 3, 4)
_ROUNDING = 1e-5


def is_path(image: object) -> TypeGuard[FilePath]:
    """True if it is the path of a file."""
    return isinstance(image, str | os.PathLike)


def path_of(image: object) -> str:
    """The path of an image that is one, or of an open file that knows its own; else empty."""
    place = image if is_path(image) else getattr(image, "name", "")
    return os.fsdecode(place) if is_path(place) else ""


def is_tensor(value: object) -> bool:
    """True if it is a torch tensor; imports no torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_one(images: object) -> bool:
    """True if it is an image by itself, and not a list or a batch of them."""
    return is_path(images) or _in_memory(images) or (_is_array(images) and not _is_list(images))


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
    if isinstance(image, Image.Image) or _is_array(image):
        pixels: Any = image
        return decode_image(pixels, size, name)
    if is_path(image):
        name = path_of(image)
        data: bytes | Path = Path(name)
    elif isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
    else:
        name = path_of(image) or name
        data = _contents(image, name)
    return decode(data, size, name)


def decode_image(
    image: Image.Image | NDArray[Any], size: int | None, name: str = "image"
) -> NDArray[np.uint8]:
    """As `decode`, from a Pillow image, an array or a tensor.

    The EXIF orientation is trusted of a Pillow image straight from a file alone: what was turned,
    cut or converted since keeps the tag that its pixels may no longer need.

    Args:
        image: a Pillow image, or as `several` takes it.
        size: side of the result in pixels; None neither scales nor cuts.
        name: what to call the image in errors.

    Returns:
        (size, size, 3), or (H, W, 3), uint8.

    Raises:
        DataError: of another shape or type, or too large.
    """
    if not isinstance(image, Image.Image):
        array = _checked_array(image, name)
        check_pixels((array.shape[1], array.shape[0]), name)
        if array.dtype.kind == "f":
            array = np.rint(array.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)
        image = Image.fromarray(np.ascontiguousarray(array))
    check_pixels(image.size, name)
    with damage_as_error(f"{name}: cannot be used"):
        return upright(image, size, name)


def _checked(images: Iterable[Any]) -> Iterator[ImageLike]:
    for k, image in enumerate(images):
        name = f"images[{k}]"
        if _is_array(image):
            try:
                _checked_array(image, name)
            except DataError as error:
                raise ConfigError(error.message, error.hint) from None
        elif not (is_path(image) or _in_memory(image)):
            raise _no_image(image, name)
        yield image


def _in_memory(image: object) -> bool:
    """True if it is the bytes of a file, an open file or a Pillow image."""
    if isinstance(image, bytes | bytearray | memoryview | Image.Image):
        return True
    read = getattr(image, "read", None)
    if isinstance(image, type | TextIOBase) or iscoroutinefunction(read):
        return False
    return callable(read)


def _is_array(value: object) -> bool:
    """True if it is a numpy array or a torch tensor."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def _is_list(array: Any) -> bool:
    """True if an array is a batch, or a list of paths or of other images."""
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
    return ConfigError(f"{name}: an object of type {_kind(value)} is no image", _TAKEN)


def _kind(value: object) -> str:
    return type(value).__qualname__


def _checked_array(image: Any, name: str) -> NDArray[Any]:
    """The pixels of an array or a tensor, not copied where they need not be.

    Grey (H, W) and channels last (H, W, C) of 1, 3 or 4 channels are taken, of uint8 or of floats
    from 0 to 1, and grey of uint16. A tensor may also have its channels first; where both ends
    could be channels, as in (3, 9, 3), it is refused.

    Args:
        image: numpy array or torch tensor, on any device.
        name: what to call the image in errors.

    Returns:
        (H, W) or (H, W, C).

    Raises:
        DataError: it is none of these; the hint says what is taken.
    """
    array, kind = image, "an array"
    if is_tensor(image):
        array, kind = _to_numpy(image, name), "a tensor"
        if array.ndim == 3 and array.shape[0] in _CHANNELS:
            if array.shape[2] in _CHANNELS:
                raise _refused(name, kind, array, "its channels may be the first or the last")
            array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    grey = array.ndim == 2
    if array.ndim == 3 and array.shape[2] not in _CHANNELS and array.shape[0] in _CHANNELS:
        raise _refused(name, kind, array, "its channels are not the last")
    if not (grey or (array.ndim == 3 and array.shape[2] in _CHANNELS)) or array.size == 0:
        raise _refused(name, kind, array)
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            raise _refused(name, kind, array, f"its floats go from {low:g} to {high:g}, not 0 to 1")
    elif array.dtype != np.uint8 and not (grey and array.dtype == np.uint16):
        raise _refused(name, kind, array)
    return np.asarray(array)


def _to_numpy(tensor: Any, name: str) -> NDArray[Any]:
    try:
        here = tensor.detach().cpu()
        return np.asarray((here.float() if here.is_floating_point() else here).numpy())
    except (RuntimeError, TypeError, NotImplementedError):
        what = f"a tensor of {tensor.dtype}, {tensor.layout}, on {tensor.device}"
        raise DataError(f"{name}: {what}, is no image", _TAKEN) from None


def _refused(name: str, kind: str, array: NDArray[Any], why: str = "") -> DataError:
    says = f"{name}: {kind} of {array.dtype} {array.shape} is no image"
    return DataError(f"{says}: {why}" if why else says, _TAKEN)
