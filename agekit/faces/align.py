"""Five-point alignment: a face turned, scaled and shifted so that it lies as all others do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.data.alignment import Alignment
from agekit.errors import ConfigError, DataError

__all__ = [
    "DEFAULT_MARGIN",
    "MEASURED",
    "TEMPLATE",
    "TOLERANCE",
    "beyond",
    "cut",
    "cut_framed",
    "differ",
    "eyes",
    "frame",
    "is_upright",
    "known_points",
    "reframing",
    "similarity",
    "standard",
    "zoom",
]

DEFAULT_MARGIN = 0.25

_ARCFACE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE: NDArray[np.float64] = _ARCFACE / 112 + [0.5 - _ARCFACE[:, 0].mean() / 112, 0]
"""(5, 2) shares of the side: where the points of `agekit.faces.base.Detection` lie in a chip
without margin. The points of ArcFace (Deng et al., CVPR 2019) at 112 pixels, their mean in the
middle of the width."""

TOLERANCE = 0.005
"""Of the side: points nearer than that are in one place."""
MEASURED = 0.015
"""The same where one side was measured on a sample."""
_MIRRORED_SHARE = 0.02
"""The share of a chip that may lie beyond its picture without a word."""
_GRID = 64
_REACH = 4
"""Pixels of the chip that its resampling may look beyond its edges."""


def frame(margin: float) -> NDArray[np.float64]:
    """The five points of a chip with a margin around the standard frame.

    Args:
        margin: added on every side, as a share of the standard frame's side; above -0.5.

    Returns:
        (5, 2) shares of the side: `TEMPLATE` scaled about the centre by 1 / (1 + 2 margin).

    Raises:
        ConfigError: the margin leaves nothing of the frame.
    """
    if not margin > -0.5:
        raise ConfigError(f"a margin of {margin:g} leaves nothing of the face", "take -0.4 or more")
    return 0.5 + (TEMPLATE - 0.5) / (1 + 2 * margin)


def standard(margin: float = DEFAULT_MARGIN, detector: str = "mtcnn") -> Alignment:
    """The alignment of chips cut around the standard frame.

    Args:
        margin: as `frame` takes it.
        detector: registry name of what finds the faces.

    Raises:
        ConfigError: the margin leaves nothing of the frame.
    """
    points = tuple((float(x), float(y)) for x, y in frame(margin))
    return Alignment(align="five-points", detector=detector, margin=margin, points=points)  # type: ignore[arg-type]


def known_points(alignment: Alignment) -> NDArray[np.float64] | None:
    """The five points of an alignment, (5, 2) shares of the side; None where it is unknown."""
    if alignment.points is not None:
        return np.array(alignment.points, np.float64)
    return frame(alignment.margin) if alignment.align == "five-points" else None


def similarity(points: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation, scale and shift, without reflection, that brings points closest to others.

    The least-squares solution of Umeyama (PAMI 1991); in the plane, with points as complex
    numbers, it is the regression of one set on the other.

    Args:
        points: (N, 2) x and y.
        target: (N, 2) where they are to come to lie.

    Returns:
        (2, 3): `target` is about ``points @ m[:, :2].T + m[:, 2]``.

    Raises:
        DataError: the points are not finite, lie in one place, or have no direction in common
            with the target.
    """
    source = points[:, 0] + 1j * points[:, 1].astype(np.float64)
    goal = target[:, 0] + 1j * target[:, 1].astype(np.float64)
    centred = source - source.mean()
    spread = float((np.abs(centred) ** 2).sum())
    product = complex((centred.conj() * (goal - goal.mean())).sum())
    if not (np.isfinite(product) and spread > 0 and abs(product) > 1e-9 * spread):
        raise DataError("the eyes, nose and mouth that were found do not make a face")
    turn = product / spread
    shift = complex(goal.mean()) - turn * complex(source.mean())
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def is_upright(points: NDArray[np.floating]) -> bool:
    """True if a face is within 45 degrees of upright.

    Args:
        points: (5, 2) x and y, in the order of `TEMPLATE`.

    Raises:
        DataError: they do not make a face.
    """
    there = similarity(points, TEMPLATE)
    return bool(abs(there[1, 0]) <= there[0, 0])


def cut(
    image: NDArray[np.uint8],
    points: NDArray[np.floating],
    target: NDArray[np.floating],
    size: int,
) -> NDArray[np.uint8]:
    """Cuts a face out so that its five points come to lie on those of a chip.

    Where the face is larger than in the chip the image is first scaled down with an anti-aliasing
    filter, then turned; both are bicubic. Beyond its edges the image is mirrored.

    Args:
        image: (H, W, 3) RGB.
        points: (5, 2) x and y in pixels, (0, 0) the upper left corner of the image.
        target: (5, 2) shares of the chip's side, such as `frame` gives.
        size: side of the chip in pixels.

    Returns:
        (size, size, 3) RGB.

    Raises:
        DataError: the points do not make a face, or lie outside of the image.
    """
    bounds = np.array([image.shape[1], image.shape[0]])
    middle = points.mean(0)
    there = similarity(points, target * size)
    if (middle < 0).any() or (middle > bounds).any():
        raise DataError("the eyes, nose and mouth that were found lie outside of the image")
    back = np.linalg.inv(np.vstack([there, [0, 0, 1]]))[:2]
    shrink = min(1.0, float(np.hypot(there[0, 0], there[1, 0])))
    corners = np.array([[0, 0], [0, size], [size, 0], [size, size]]) @ back[:, :2].T + back[:, 2]
    reach = _REACH / shrink
    wanted = np.stack([corners.min(0) - reach, corners.max(0) + reach])
    low = np.clip(np.floor(wanted[0]), 0, bounds - 1).astype(int)
    high = np.clip(np.ceil(wanted[1]), low + 1, bounds).astype(int)
    part = Image.fromarray(np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]))
    if shrink < 1:
        width, height = (max(1, round(float(s) * shrink)) for s in high - low)
        part = part.resize((width, height), Image.Resampling.BICUBIC)
    scale = np.array(part.size) / (high - low)
    before = np.maximum(np.ceil((low - wanted[0]) * scale), 0).astype(int)
    after = np.maximum(np.ceil((wanted[1] - high) * scale), 0).astype(int)
    if before.any() or after.any():
        widths = ((before[1], after[1]), (before[0], after[0]), (0, 0))
        part = Image.fromarray(np.pad(np.asarray(part), widths, mode="symmetric"))
    back = np.column_stack([back[:, :2], back[:, 2] - low]) * scale[:, None]
    back[:, 2] += before
    face = part.transform(
        (size, size), Image.Transform.AFFINE, tuple(back.ravel()), Image.Resampling.BICUBIC
    )
    return np.asarray(face).copy()


def cut_framed(
    picture: NDArray[np.uint8], have: NDArray[np.float64], want: NDArray[np.float64], size: int
) -> NDArray[np.uint8]:
    """The face of an image in another frame, cut from all of its pixels.

    Args:
        picture: (H, W, 3) RGB.
        have: (5, 2) where the points lie, shares of the side of the middle square.
        want: (5, 2) where they are to lie, shares of `size`.
        size: side of the result, pixels.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    corner = np.array([width - side, height - side]) / 2
    return cut(picture, have * side + corner, want, size)


def zoom(have: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    """The scale of a face from where its points lie on `have` to `want`, as shares of the side."""
    there = similarity(have, want)
    return float(np.hypot(there[0, 0], there[1, 0]))


def beyond(have: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    """The share of a reframed square image that lies beyond the picture, 0 to 1."""
    back = similarity(want, have)
    ticks = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(ticks, ticks)
    seen = np.stack([x.ravel(), y.ravel()], 1) @ back[:, :2].T + back[:, 2]
    return float(((seen < 0) | (seen > 1)).any(1).mean())


def differ(
    have: NDArray[np.float64], want: NDArray[np.float64], tolerance: float = TOLERANCE
) -> bool:
    """True if points are not in one place, for a model."""
    return bool(np.abs(have - want).max() > tolerance)


def reframing(have: NDArray[np.float64], want: NDArray[np.float64], data: str, model: str) -> str:
    """The line that says how faces are reframed.

    Args:
        have: (5, 2) where the points lie, shares of the side.
        want: (5, 2) where they are to lie.
        data: what to call the images.
        model: what to call the model.
    """
    lost = beyond(have, want)
    return (
        f"faces reframed: the eyes lie at {eyes(have)} in {data}, at {eyes(want)} in the faces of "
        f"{model}; scale {zoom(have, want):.2f}"
    ) + (
        f"; {lost:.0%} of each lies beyond the image and is mirrored"
        if lost > _MIRRORED_SHARE
        else ""
    )


def eyes(points: NDArray[np.float64]) -> str:
    """The place of the eyes, in percent of the side from the left and from the top."""
    return " and ".join(f"({x:.0%}, {y:.0%})" for x, y in points[:2])
