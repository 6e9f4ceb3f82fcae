"""A picture at many sizes, and squares of any size and turn out of it."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.faces.mtcnn.engines import Floats

__all__ = ["Pyramid"]


class Pyramid:
    """A picture and its halvings.

    Coordinates are in pixels of the picture given, (0, 0) the upper left corner. What lies
    outside of it is grey.

    Args:
        pixels: (H, W, 3) uint8.
        smallest: side in pixels below which no further halving is needed.
    """

    def __init__(self, pixels: NDArray[np.uint8], smallest: int = 12) -> None:
        top = (pixels.astype(np.float32) - 127.5) / 128
        self.halvings: list[Floats] = [np.ascontiguousarray(top)]
        while min(self.halvings[-1].shape[:2]) >= 2 * smallest:
            self.halvings.append(_halved(self.halvings[-1]))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        height, width = self.halvings[0].shape[:2]
        return height, width

    def scaled(self, scale: float) -> tuple[Floats, tuple[float, float]]:
        """The picture at another size, each pixel the mean of those it covers.

        Args:
            scale: about how large, 1 as given.

        Returns:
            (h, w, 3), -1 to 1, and the exact scales along x and y.
        """
        level = min(max(0, math.floor(-math.log2(scale))), len(self.halvings) - 1)
        source = self.halvings[level]
        height, width = source.shape[:2]
        step = 2.0**level
        new = [max(1, round(side * step * scale)) for side in (height, width)]
        if new != [height, width]:
            source = _resized(source, new[1], new[0])
        return source, (new[1] / (width * step), new[0] / (height * step))

    def crops(self, centre: Floats, sides: Floats, along: Floats, side: int) -> Floats:
        """Cuts squares out and scales them to one size, to a fraction of a pixel.

        Each is cut from the halving in which it is one to two times the size asked for, each of
        its pixels the mean of four samples.

        Args:
            centre: (M, 2) of the squares.
            sides: (M,) of the squares.
            along: (M, 2) of length 1, the direction that points to the right in the crop.
            side: of the crops, in pixels.

        Returns:
            (M, 3, side, side), -1 to 1.
        """
        levels = np.floor(np.log2(np.maximum(sides, 1) / side)).astype(np.int64)
        levels = levels.clip(0, len(self.halvings) - 1)
        crops = np.empty((len(sides), side, side, 3), np.float32)
        for k, level in enumerate(levels.tolist()):
            scale = 0.5**level
            crops[k] = _square(
                self.halvings[level], centre[k] * scale, float(sides[k]) * scale, along[k], side
            )
        return np.ascontiguousarray(crops.transpose(0, 3, 1, 2))


def _square(source: Floats, centre: Floats, length: float, along: Floats, side: int) -> Floats:
    """One turned square of a picture, (side, side, 3)."""
    fine = 2 * side
    right = along.astype(np.float64) * (length / fine)
    turn = np.array([[right[0], -right[1]], [right[1], right[0]]])
    # OpenCV puts whole numbers on the centres of pixels, and we on their corners.
    start = centre - 0.5 + turn @ np.full(2, 0.5 - fine / 2)
    corners = start + np.array([[0, 0], [0, fine], [fine, 0], [fine, fine]]) @ turn.T
    bounds = np.array(source.shape[1::-1])
    # OpenCV warps no picture of more than 32,767 pixels a side: it is shown the part it needs.
    low = np.clip(np.floor(corners.min(axis=0)) - 1, 0, bounds).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, bounds).astype(int)
    if (high <= low).any():
        return np.zeros((side, side, 3), np.float32)
    matrix = np.column_stack([turn, start - low])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    samples = cv2.warpAffine(
        source[low[1] : high[1], low[0] : high[0]], matrix, (fine, fine), flags=flags
    )
    return _resized(samples, side, side)


def _halved(picture: Floats) -> Floats:
    height, width = picture.shape[:2]
    even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return _resized(even, (width + 1) // 2, (height + 1) // 2)


def _resized(picture: Any, width: int, height: int) -> Floats:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
