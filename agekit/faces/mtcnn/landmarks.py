"""Points that depend on the face, and little on the window that it was first seen in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agekit.faces.mtcnn.boxes import Floats, squared
from agekit.faces.mtcnn.candidates import Candidates, run_stage
from agekit.faces.mtcnn.engines import Networks
from agekit.faces.mtcnn.pyramid import Pyramid

__all__ = ["Squares", "refine_points", "upright"]

_TIMES = 2


def refine_points(
    networks: Networks, pyramids: Sequence[Pyramid], found: Sequence[Candidates]
) -> list[Candidates]:
    """Shows O-net each face again, turned upright by the points it gave before.

    O-net places the points best in a face that is upright and in the middle of the crop. Each
    time the square of the time before is turned and moved as O-net then said. Boxes and scores
    stay as they were.

    Args:
        networks: the three of MTCNN.
        pyramids: the pictures.
        found: the faces in each picture, with points.

    Returns:
        The same faces with new points.
    """
    squares = [Squares.around(faces.boxes, upright(faces.points)) for faces in found]
    for _ in range(_TIMES):
        crops = [square.cut(pyramid, 48) for square, pyramid in zip(squares, pyramids, strict=True)]
        outputs = run_stage(networks.onet, crops)
        found = [
            replace(faces, points=square.outward(shares - 0.5))
            for faces, square, (_, _, shares) in zip(found, squares, outputs, strict=True)
        ]
        squares = [
            square.moved(shifts, faces.points)
            for square, faces, (_, shifts, _) in zip(squares, found, outputs, strict=True)
        ]
    return list(found)


def upright(points: Floats) -> Floats:
    """The direction to the right in each face, by the line of its eyes and that down its middle.

    Args:
        points: (M, 5, 2).

    Returns:
        (M, 2) of length 1; of an upright face (1, 0).
    """
    left, right, _, mouth_left, mouth_right = points.swapaxes(0, 1)
    down = (mouth_left + mouth_right - left - right) / 2
    along = right - left + down[:, ::-1] * np.array([1, -1], np.float32)
    unit: Floats = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    return unit


@dataclass(frozen=True)
class Squares:
    """Turned squares.

    Attributes:
        centre: (M, 2) in pixels.
        side: (M,) in pixels.
        along: (M, 2) of length 1, from the middle of the left edge to that of the right.
    """

    centre: Floats
    side: Floats
    along: Floats

    @classmethod
    def around(cls, boxes: Floats, along: Floats | None = None) -> Squares:
        """About boxes (M, 4), turned as told, else not at all."""
        whole = squared(boxes)
        centre = (whole[:, :2] + whole[:, 2:]) / 2
        if along is None:
            along = np.tile(np.array([[1, 0]], np.float32), (len(boxes), 1))
        return cls(centre, whole[:, 2] - whole[:, 0], along)

    def cut(self, pyramid: Pyramid, side: int) -> Floats:
        """The squares of a picture, (M, 3, side, side)."""
        return pyramid.crops(self.centre, self.side, self.along, side)

    def outward(self, shares: Floats) -> Floats:
        """Points (M, K, 2), in sides from the centre of the square, in pixels of the picture."""
        across = self.along[:, ::-1] * np.array([-1, 1], np.float32)
        axes = np.stack([self.along, across], axis=1) * self.side[:, None, None]
        return self.centre[:, None] + shares @ axes

    def moved(self, shifts: Floats, points: Floats) -> Squares:
        """With each edge moved by its shift (M, 4), in sides; squared, and turned as the points."""
        boxes = squared(shifts + np.array([-0.5, -0.5, 0.5, 0.5], np.float32))
        centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
        side = self.side * (boxes[:, 2] - boxes[:, 0])
        return Squares(self.outward(centre)[:, 0], side, upright(points))
