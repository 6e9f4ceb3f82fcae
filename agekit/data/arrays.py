"""Images as arrays and tensors: which are taken, and how their channels lie."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError

__all__ = ["TAKEN", "checked_array", "is_array", "is_tensor", "pixels_of"]

TAKEN = (
    "an image is a path, the bytes of a file, an open binary file, a Pillow image, an RGB array "
    "(H, W, 3) of uint8 or of floats from 0 to 1, such a tensor, (3, H, W) or (H, W, 3), or a list "
    "of these"
)
_CHANNELS = (1, 3, 4)
_ROUNDING = 1e-5


def is_tensor(value: object) -> bool:
    """Whether it is a torch tensor; imports no torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: object) -> bool:
    """Whether it is a numpy array or a torch tensor."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def checked_array(image: Any, name: str) -> NDArray[Any]:
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


def pixels_of(image: Any, name: str) -> NDArray[Any]:
    """The pixels of an array or a tensor as Pillow takes them.

    Args:
        image: as for `checked_array`.
        name: what to call the image in errors.

    Returns:
        (H, W) uint8 or uint16, or (H, W, 3 or 4) uint8; floats are scaled by 255 and rounded.

    Raises:
        DataError: as `checked_array`.
    """
    array = checked_array(image, name)
    if array.dtype.kind == "f":
        array = np.rint(array.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(array)


def _to_numpy(tensor: Any, name: str) -> NDArray[Any]:
    try:
        here = tensor.detach().cpu()
        return np.asarray((here.float() if here.is_floating_point() else here).numpy())
    except (RuntimeError, TypeError, NotImplementedError):
        what = f"a tensor of {tensor.dtype}, {tensor.layout}, on {tensor.device}"
        raise DataError(f"{name}: {what}, is no image", TAKEN) from None


def _refused(name: str, kind: str, array: NDArray[Any], why: str = "") -> DataError:
    says = f"{name}: {kind} of {array.dtype} {array.shape} is no image"
    return DataError(f"{says}: {why}" if why else says, TAKEN)
