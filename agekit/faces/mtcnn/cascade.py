"""The three stages of MTCNN: propose, refine, output; and the points refined once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agekit.faces.mtcnn.candidates import (
    Candidates,
    nms,
    nms_of_smaller,
    run_stage,
    shifted,
    squared,
)
from agekit.faces.mtcnn.engines import Floats, Networks
from agekit.faces.mtcnn.pyramid import Pyramid

__all__ = ["LARGEST", "WINDOW", "Cascade", "refine_points", "rightward"]

WINDOW = 12
"""Side in pixels of what P-net sees at once: at this size it knows a face."""

LARGEST = 1.6
"""Side of the largest face looked for, in short sides of the picture; of a tight crop it is more
than the picture shows."""

_STRIDE = 2
"""Of P-net's one pooling layer, in pixels of a level."""
_BORDER = WINDOW // 2
_REFINEMENTS = 2


class Cascade:
    """The three networks and what lies between them.

    Two things are done otherwise than in the first implementations. Each level of the pyramid
    has a border of half a window, and crops that reach out of a picture are filled up with grey
    instead of cut off and stretched, so that faces at the edge are found and their points are
    right. And O-net is shown each face again, turned upright (`refine_points`).

    Args:
        networks: P-net, R-net and O-net.
        thresholds: the least probability of a face after each stage.
        factor: of the sizes of neighbouring levels of the pyramid.
    """

    def __init__(
        self,
        networks: Networks,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
    ) -> None:
        self.networks, self.thresholds, self.factor = networks, thresholds, factor

    def __call__(self, pyramids: Sequence[Pyramid], min_faces: Sequence[float]) -> list[Candidates]:
        """Finds the faces of pictures.

        Args:
            pyramids: the pictures.
            min_faces: side of the smallest face to look for in each, pixels.

        Returns:
            For each picture the faces with their points.
        """
        candidates = [self._propose(p, m) for p, m in zip(pyramids, min_faces, strict=True)]
        candidates = self._refine(pyramids, candidates)
        return refine_points(self.networks, pyramids, self._output(pyramids, candidates))

    def scales(self, size: tuple[int, int], min_face: float) -> list[float]:
        """The scales of the pyramid's levels, the largest first, for pictures (H, W)."""
        out, face = [], min_face
        while face <= LARGEST * min(size):
            out.append(WINDOW / face)
            face /= self.factor
        return out

    def _propose(self, pyramid: Pyramid, min_face: float) -> Candidates:
        """P-net over every level; the windows that may show a face, squared."""
        none = np.empty((0, 4), np.float32)
        levels = [(none, none[:, 0], none)]
        levels += [self._level(pyramid, s) for s in self.scales(pyramid.size, min_face)]
        windows, scores, shifts = (np.concatenate(column) for column in zip(*levels, strict=True))
        keep = nms(windows, scores, 0.7)
        boxes = squared(shifted(windows[keep], shifts[keep]))
        return Candidates(boxes, scores[keep], np.empty((len(boxes), 0, 2), np.float32))

    def _level(self, pyramid: Pyramid, scale: float) -> tuple[Floats, Floats, Floats]:
        """P-net over one level: windows in pixels of the picture, scores, shifts.

        Windows of one level are thinned out in whole pixels of that level, where overlaps of
        exactly one half are common and must not be left to rounding.
        """
        picture, exact = pyramid.scaled(scale)
        border = ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0))
        face, shift = self.networks.pnet(np.pad(picture, border).transpose(2, 0, 1)[None])
        row, column = np.nonzero(face[0] > self.thresholds[0])
        scores, shifts = face[0, row, column], shift[0, :, row, column]
        corner = np.stack([column, row], axis=1) * _STRIDE - _BORDER
        windows = np.concatenate([corner, corner + WINDOW], axis=1).astype(np.float32)
        keep = nms(windows, scores, 0.5)
        step = np.array([*exact, *exact], np.float32)
        return windows[keep] / step, scores[keep], shifts[keep]

    def _refine(
        self, pyramids: Sequence[Pyramid], candidates: Sequence[Candidates]
    ) -> list[Candidates]:
        """R-net over the crops of all pictures."""
        out = []
        outputs = run_stage(self.networks.rnet, _crops(pyramids, candidates, 24))
        for old, (scores, shifts) in zip(candidates, outputs, strict=True):
            sure = np.flatnonzero(scores > self.thresholds[1])
            keep = sure[nms(old.boxes[sure], scores[sure], 0.7)]
            new = replace(old, scores=scores).take(keep)
            out.append(replace(new, boxes=squared(shifted(new.boxes, shifts[keep]))))
        return out

    def _output(
        self, pyramids: Sequence[Pyramid], candidates: Sequence[Candidates]
    ) -> list[Candidates]:
        """O-net over the crops of all pictures."""
        out = []
        outputs = run_stage(self.networks.onet, _crops(pyramids, candidates, 48))
        for old, (scores, shifts, shares) in zip(candidates, outputs, strict=True):
            corner, sides = old.boxes[:, None, :2], old.boxes[:, 2:] - old.boxes[:, :2]
            new = Candidates(shifted(old.boxes, shifts), scores, corner + shares * sides[:, None])
            new = new.take(scores > self.thresholds[2])
            out.append(new.take(nms_of_smaller(new.boxes, new.scores, 0.7)))
        return out


def _crops(
    pyramids: Sequence[Pyramid], candidates: Sequence[Candidates], side: int
) -> list[Floats]:
    return [
        _Squares.around(f.boxes).cut(p, side) for p, f in zip(pyramids, candidates, strict=True)
    ]


def refine_points(
    networks: Networks, pyramids: Sequence[Pyramid], candidates: Sequence[Candidates]
) -> list[Candidates]:
    """Shows O-net each face again, turned upright by the points it gave before.

    O-net places the points best in a face that is upright and in the middle of the crop. Each
    time the square of the time before is turned and moved as O-net then said. Boxes and scores
    stay as they were.

    Args:
        networks: the three of MTCNN.
        pyramids: the pictures.
        candidates: the faces in each picture, with points.

    Returns:
        The same faces with new points.
    """
    squares = [_Squares.around(faces.boxes, rightward(faces.points)) for faces in candidates]
    for _ in range(_REFINEMENTS):
        crops = [square.cut(pyramid, 48) for square, pyramid in zip(squares, pyramids, strict=True)]
        outputs = run_stage(networks.onet, crops)
        candidates = [
            replace(faces, points=square.outward(shares - 0.5))
            for faces, square, (_, _, shares) in zip(candidates, squares, outputs, strict=True)
        ]
        squares = [
            square.moved(shifts, faces.points)
            for square, faces, (_, shifts, _) in zip(squares, candidates, outputs, strict=True)
        ]
    return list(candidates)


def rightward(points: Floats) -> Floats:
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
class _Squares:
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
    def around(cls, boxes: Floats, along: Floats | None = None) -> _Squares:
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

    def moved(self, shifts: Floats, points: Floats) -> _Squares:
        """With each edge moved by its shift (M, 4), in sides; squared, and turned as the points."""
        boxes = squared(shifts + np.array([-0.5, -0.5, 0.5, 0.5], np.float32))
        centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
        side = self.side * (boxes[:, 2] - boxes[:, 0])
        return _Squares(self.outward(centre)[:, 0], side, rightward(points))
