"""Points that depend on the face, and little on the window that it was first seen in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from agekit.faces.mtcnn.boxes import squared
from agekit.faces.mtcnn.found import Found, judge
from agekit.faces.mtcnn.networks import ONet
from agekit.faces.mtcnn.pyramid import Pyramid

__all__ = ["settle", "upright"]

_LOOKS = 2


def settle(onet: ONet, pyramids: Sequence[Pyramid], found: Sequence[Found]) -> list[Found]:
    """Lets O-net look again at each face, turned upright by the points it gave before.

    O-net places the points best in a face that is upright and in the middle of the crop. Each
    look takes the square of the look before, turned and moved as that one said. Boxes and scores
    stay as they were.

    Args:
        onet: the network.
        pyramids: the pictures.
        found: the faces in each pyramid's pictures, with points.

    Returns:
        The same faces with new points.
    """
    squares = [_Squares.around(f) for f in found]
    for _ in range(_LOOKS):
        crops = [
            pyramid.turned(square.centre, square.side, square.along, faces.owner, 48)
            for pyramid, square, faces in zip(pyramids, squares, found, strict=True)
        ]
        verdicts = judge(onet, crops)
        found = [
            replace(faces, points=square.outward(shares - 0.5))
            for faces, square, (_, _, shares) in zip(found, squares, verdicts, strict=True)
        ]
        squares = [
            square.moved(shifts, faces.points)
            for square, faces, (_, shifts, _) in zip(squares, found, verdicts, strict=True)
        ]
    return list(found)


def upright(points: Tensor) -> Tensor:
    """Which way is right in each face, by the line of its eyes and the line down its middle.

    Args:
        points: (M, 5, 2).

    Returns:
        (M, 2) of length 1; of an upright face (1, 0).
    """
    left, right, _, mouth_left, mouth_right = points.unbind(1)
    x, y = ((mouth_left + mouth_right - left - right) / 2).unbind(1)
    return F.normalize(right - left + torch.stack([y, -x], dim=1))


@dataclass(frozen=True)
class _Squares:
    """Turned squares.

    Attributes:
        centre: (M, 2) in pixels.
        side: (M,) in pixels.
        along: (M, 2) of length 1, from the middle of the left edge to that of the right.
    """

    centre: Tensor
    side: Tensor
    along: Tensor

    @classmethod
    def around(cls, found: Found) -> _Squares:
        """About the boxes, turned as the faces are."""
        boxes = squared(found.boxes)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        return cls(centre, boxes[:, 2] - boxes[:, 0], upright(found.points))

    def outward(self, shares: Tensor) -> Tensor:
        """Points (M, K, 2), in sides from the centre of the square, in pixels of the picture."""
        across = torch.stack([-self.along[:, 1], self.along[:, 0]], dim=1)
        axes = torch.stack([self.along, across], dim=1) * self.side[:, None, None]
        return self.centre[:, None] + shares @ axes

    def moved(self, shifts: Tensor, points: Tensor) -> _Squares:
        """With each edge moved by its shift (M, 4), in sides; squared, and turned as the points."""
        boxes = squared(shifts + shifts.new_tensor([-0.5, -0.5, 0.5, 0.5]))
        centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
        side = self.side * (boxes[:, 2] - boxes[:, 0])
        return _Squares(self.outward(centre)[:, 0], side, upright(points))
