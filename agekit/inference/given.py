"""Faces that the caller's own detector found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agekit.data.images import is_tensor
from agekit.errors import ConfigError, DataError
from agekit.faces.align import TEMPLATE, similarity
from agekit.faces.framing import MIRRORED

__all__ = ["TAKEN", "GivenFaces", "given_faces"]

TAKEN = (
    "of each image, boxes are (K, 4), x0, y0, x1, y1, and points (K, 5, 2), x and y of the eyes, "
    "the nose and the corners of the mouth, the image's left before its right; in pixels of the "
    "upright image"
)


class GivenFaces(NamedTuple):
    """The K faces of one image.

    Args:
        boxes: (K, 4) x0, y0, x1, y1 in pixels of the upright image.
        points: (K, 5, 2) likewise, or None.
    """

    boxes: NDArray[np.float64]
    points: NDArray[np.float64] | None = None

    def outside(self, width: int, height: int) -> list[int]:
        """The numbers of those that lie outside of an image of this size."""
        corners = self.boxes if self.points is None else np.tile(self.points.mean(1), 2)
        low, high = corners[:, :2], corners[:, 2:]
        out = (high <= 0).any(1) | (low >= (width, height)).any(1)
        return list(map(int, np.flatnonzero(out)))


def given_faces(boxes: Any, points: Any, images: Iterable[Any], one: bool) -> list[GivenFaces]:
    """The faces of each image.

    Args:
        boxes: for each image (K, 4), (4,) for a face alone, or None for no face; None if there are
            only points.
        points: for each image (K, 5, 2), (5, 2) for a face alone, or None; None if there are only
            boxes.
        images: that they are of.
        one: whether these are of a single image, and not of a list of them.

    Raises:
        ConfigError: they are of another shape, not finite, empty boxes, no larger than a pixel,
            points that make no face or one in a mirror, or not as many as the images; the hint
            says what is taken.
    """
    mine, theirs = _entries(boxes, "boxes", one), _entries(points, "points", one)
    columns: list[Any] = [mine, theirs, images]
    counts = {len(column) for column in columns if isinstance(column, Sized)}
    if len(counts) > 1:
        raise _refused(f"images, boxes and points are not as many: {sorted(counts)}")
    pairs = zip(mine or repeat(None), theirs or repeat(None), strict=False)
    return [_faces(*pair, i) for i, pair in zip(range(counts.pop()), pairs, strict=False)]


def _entries(given: Any, name: str, one: bool) -> Sequence[Any] | None:
    if given is None or one:
        return None if given is None else [given]
    if is_tensor(given):
        given = _numbers(given)
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise _refused(f"{name} are not a list with an entry for each image")
    return list(given)


def _faces(boxes: Any, points: Any, image: int) -> GivenFaces:
    frames = _rows(boxes, (4,), f"boxes[{image}]")
    marks = _rows(points, (5, 2), f"points[{image}]")
    if marks is not None:
        try:
            around = np.array([_around(face) for face in marks]).reshape(-1, 4)
        except DataError:
            raise _refused(f"points[{image}] do not make a face") from None
        if any(map(_mirrored, marks)):
            raise _refused(f"points[{image}] has a face whose left and right are changed over")
        frames = around if frames is None else frames
        if len(frames) != len(marks):
            raise _refused(f"image {image} has {len(frames)} boxes and {len(marks)} sets of points")
    if frames is None:
        return GivenFaces(np.zeros((0, 4)))
    if (frames[:, 2:] <= frames[:, :2]).any():
        raise _refused(f"boxes[{image}] has a box that ends before it begins")
    if (frames[:, 2:] - frames[:, :2] <= 1).all(1).any():
        name = "boxes" if marks is None else "points"
        raise _refused(f"{name}[{image}] has a face below a pixel: are they shares of a side?")
    return GivenFaces(frames, marks)


def _rows(value: Any, shape: tuple[int, ...], name: str) -> NDArray[np.float64] | None:
    """(K, *shape), of which K may be left out where it is 1."""
    if value is None:
        return None
    rows = _numbers(value)
    if rows is not None and (rows.shape == shape or rows.shape == (0,)):
        rows = rows.reshape(-1, *shape)
    if rows is None or rows.shape[1:] != shape or rows.ndim == len(shape):
        got = "" if rows is None else f": it is {rows.shape}"
        raise _refused(f"{name} is not (K, {', '.join(map(str, shape))}){got}")
    if not np.isfinite(rows).all():
        raise _refused(f"{name} is not finite")
    return rows


def _numbers(value: Any) -> NDArray[np.float64] | None:
    try:
        return np.asarray(value.detach().cpu().numpy() if is_tensor(value) else value, np.float64)
    except (TypeError, ValueError):
        return None


def _around(points: NDArray[np.float64]) -> tuple[float, ...]:
    """The box about the standard frame, without margin, of a face with these points."""
    back = np.linalg.inv(np.vstack([similarity(points, TEMPLATE), [0, 0, 1]]))[:2]
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) @ back[:, :2].T + back[:, 2]
    return (*corners.min(0).tolist(), *corners.max(0).tolist())


def _mirrored(points: NDArray[np.float64]) -> bool:
    """True if the points are plainly those of a face in a mirror; a profile may be either."""
    return _misfit(points[list(MIRRORED)]) < _misfit(points) / 2


def _misfit(points: NDArray[np.float64]) -> float:
    """The distance from the standard places at which they come to lie at best."""
    try:
        there = similarity(points, TEMPLATE)
    except DataError:
        return float("inf")
    return float(np.linalg.norm(points @ there[:, :2].T + there[:, 2] - TEMPLATE))


def _refused(message: str) -> ConfigError:
    return ConfigError(message, TAKEN)
