"""Putting an aged face back into the photo it was cut from, without a seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["CutFace", "paste"]

INNER, OUTER = 0.7, 0.97
"""Where the new face begins to give way to the photo and where it has, as shares of the way from
the middle of the chip to its edge."""
FINEST, AROUND = 1.0, 2.0
"""Deviations in pixels of the chip: of what is its finest detail, and of where that is compared."""
FLAT = 4.0
"""Squared grey levels of detail that are not worth comparing."""
STRIP_PIXELS = 2_000_000

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CutFace:
    """A face cut out of a photo, and aged.

    Attributes:
        chip: (S, S, 3) uint8 RGB, as it was cut.
        aged: (S, S, 3) float32, 0 to 255.
        there: (2, 3): the similarity from pixels of the photo to pixels of the chip, (0, 0) the
            upper left corner of either.
        moved: (S, S, 2) by how many pixels of the chip to the right and down what `aged` shows lay
            in `chip`; None where nothing moved, or nobody says.
    """

    chip: NDArray[np.uint8]
    aged: Plane
    there: NDArray[np.float64]
    moved: Plane | None = None

    def window(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of a photo that the chip may cover: left, top, right, bottom, whole pixels."""
        size = self.chip.shape[0]
        back = np.linalg.inv(np.vstack([self.there, [0, 0, 1]]))[:2]
        corners = np.array([[0, 0], [0, size], [size, 0], [size, size]]) @ back[:, :2].T
        corners += back[:, 2]
        low = np.clip(np.floor(corners.min(0)), 0, [width, height]).astype(int)
        high = np.clip(np.ceil(corners.max(0)), low, [width, height]).astype(int)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def paste(photo: NDArray[np.uint8], faces: Sequence[CutFace]) -> NDArray[np.uint8]:
    """Puts aged faces back.

    What is carried over is what ageing changed; detail of the photo that is finer than the chip's
    pixels stays, moved as the ager says, as far as the chip's own finest detail came through the
    ageing: it goes where hair or a wrinkle went. All of it fades out towards the chip's edge;
    beyond, pixels stay as they are. Where faces overlap they share.

    Args:
        photo: (H, W, 3) uint8 RGB.
        faces: cut out of it.

    Returns:
        (H, W, 3) uint8, a new array.
    """
    out = photo.copy()
    height, width = photo.shape[:2]
    for k, face in enumerate(faces):
        others = [*faces[:k], *faces[k + 1 :]]
        left, top, right, bottom = face.window(width, height)
        layers = _layers(face)
        step = max(1, STRIP_PIXELS // max(1, right - left))
        for y in range(top, bottom, step):
            strip = (left, y, right, min(y + step, bottom))
            where = np.s_[strip[1] : strip[3], strip[0] : strip[2]]
            weight = _weight(face, strip)
            if others:
                total = weight + sum(_weight(other, strip) for other in others)
                weight = weight * weight / np.maximum(total, 1e-6)
            aged, kept = (_warp(layer, face, strip) for layer in layers[1:])
            detail = _detail(photo, face, layers[0], strip)
            change = aged + np.clip(kept, 0, 1)[..., None] * detail - photo[where]
            here = out[where]
            here[:] = np.clip(np.rint(here + weight[..., None] * change), 0, 255)
    return out


def _layers(face: CutFace) -> tuple[Plane, Plane, Plane]:
    """The chip, the aged chip, and the share of finer detail to keep, ready to be warped.

    For a photo in which the face is smaller than the chip they are averaged down to its scale.
    """
    chip = face.chip.astype(np.float32)
    came = chip if face.moved is None else _moved(chip, face.moved)
    layers = (chip, face.aged.astype(np.float32), _kept(came, face.aged))
    side = round(chip.shape[0] / max(_scale(face), 1.0))
    if side == chip.shape[0]:
        return layers
    small: list[Any] = [
        cv2.resize(layer, (max(1, side),) * 2, interpolation=cv2.INTER_AREA) for layer in layers
    ]
    return small[0], small[1], small[2]


def _detail(
    photo: NDArray[np.uint8], face: CutFace, chip: Plane, strip: tuple[int, int, int, int]
) -> Plane:
    """(h, w, 3): what a photo has in a strip that the chip has not, moved as the ager moved it."""
    if face.moved is None:
        left, top, right, bottom = strip
        return np.asarray(photo[top:bottom, left:right] - _warp(chip, face, strip))
    # The strip and as much about it as anything moves, so that what comes from beyond is there.
    back = np.linalg.inv(face.there[:, :2]).astype(np.float32)
    away = _warp(face.moved, face, strip) @ back.T
    reach = int(np.ceil(np.abs(away).max())) + 2
    height, width = photo.shape[:2]
    left, top = max(strip[0] - reach, 0), max(strip[1] - reach, 0)
    wide = (left, top, min(strip[2] + reach, width), min(strip[3] + reach, height))
    detail = photo[wide[1] : wide[3], wide[0] : wide[2]] - _warp(chip, face, wide)
    return _moved(detail, away, (strip[0] - left, strip[1] - top))


def _moved(plane: Plane, by: Plane, corner: tuple[int, int] = (0, 0)) -> Plane:
    """A plane with, at each place of a part of it, what lies there plus `by`, (h, w, 2) pixels."""
    y, x = np.mgrid[0 : by.shape[0], 0 : by.shape[1]].astype(np.float32)
    at = (x + corner[0] + by[..., 0], y + corner[1] + by[..., 1])
    moved: Any = cv2.remap(plane, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved)


def _kept(chip: Plane, aged: Plane) -> Plane:
    """(S, S): how much of the chip's finest detail is still there in the aged chip, 0 to 1.

    Locally the slope of the regression of the one on the other; 1 where the chip has no detail.
    """
    before, after = (
        grey - cv2.GaussianBlur(grey, (0, 0), FINEST)
        for grey in (cv2.cvtColor(x.astype(np.float32), cv2.COLOR_RGB2GRAY) for x in (chip, aged))
    )
    both = cv2.GaussianBlur(before * after, (0, 0), AROUND) + FLAT
    own = cv2.GaussianBlur(before * before, (0, 0), AROUND) + FLAT
    return np.asarray(np.clip(both / own, 0, 1), np.float32)


def _scale(face: CutFace) -> float:
    """Pixels of the chip a pixel of the photo."""
    return float(np.hypot(face.there[0, 0], face.there[1, 0]))


def _warp(layer: Plane, face: CutFace, strip: tuple[int, int, int, int]) -> Plane:
    """A layer of a face as it lies in a strip of the photo."""
    left, top, right, bottom = strip
    matrix = face.there * (layer.shape[0] / face.chip.shape[0])
    matrix[:, 2] += matrix[:, :2] @ [left + 0.5, top + 0.5] - 0.5
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = (right - left, bottom - top)
    warped: Any = cv2.warpAffine(layer, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped)


def _weight(face: CutFace, strip: tuple[int, int, int, int]) -> Plane:
    """(h, w): how much of a strip is the new face: 1 in its middle, 0 from `OUTER` on.

    The lines of equal weight are ovals with the corners pulled out: |x|³ + |y|³ = r³.
    """
    left, top, right, bottom = strip
    x, y = np.arange(left, right) + 0.5, (np.arange(top, bottom) + 0.5)[:, None]
    radius: Any = 0.0
    for across, down, shift in (face.there * (2 / face.chip.shape[0])).astype(np.float32):
        radius = radius + np.abs(across * x + down * y + (shift - 1)) ** 3
    fade = np.clip((OUTER - np.cbrt(radius)) / (OUTER - INNER), 0, 1)
    return np.asarray(fade * fade * (3 - 2 * fade), np.float32)
