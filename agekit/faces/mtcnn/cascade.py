"""The three stages of MTCNN: propose, refine, output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agekit.faces.mtcnn.boxes import Floats, keep_apart, keep_uncovered, shifted, squared
from agekit.faces.mtcnn.candidates import Candidates, run_stage
from agekit.faces.mtcnn.engines import Networks
from agekit.faces.mtcnn.landmarks import Squares, refine_points
from agekit.faces.mtcnn.pyramid import Pyramid

__all__ = ["LARGEST", "WINDOW", "Cascade"]

WINDOW = 12
"""Side in pixels of what P-net sees at once: at this size it knows a face."""

LARGEST = 1.6
"""Side of the largest face looked for, in short sides of the picture; of a tight crop it is more
than the picture shows."""

_STRIDE = 2
_BORDER = WINDOW // 2


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
        found = [self._propose(p, m) for p, m in zip(pyramids, min_faces, strict=True)]
        found = self._refine(pyramids, found)
        return refine_points(self.networks, pyramids, self._output(pyramids, found))

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
        keep = keep_apart(windows, scores, 0.7)
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
        keep = keep_apart(windows, scores, 0.5)
        step = np.array([*exact, *exact], np.float32)
        return windows[keep] / step, scores[keep], shifts[keep]

    def _refine(self, pyramids: Sequence[Pyramid], found: Sequence[Candidates]) -> list[Candidates]:
        """R-net over the crops of all pictures."""
        out = []
        outputs = run_stage(self.networks.rnet, _crops(pyramids, found, 24))
        for old, (scores, shifts) in zip(found, outputs, strict=True):
            sure = np.flatnonzero(scores > self.thresholds[1])
            keep = sure[keep_apart(old.boxes[sure], scores[sure], 0.7)]
            new = replace(old, scores=scores).take(keep)
            out.append(replace(new, boxes=squared(shifted(new.boxes, shifts[keep]))))
        return out

    def _output(self, pyramids: Sequence[Pyramid], found: Sequence[Candidates]) -> list[Candidates]:
        """O-net over the crops of all pictures."""
        out = []
        outputs = run_stage(self.networks.onet, _crops(pyramids, found, 48))
        for old, (scores, shifts, shares) in zip(found, outputs, strict=True):
            corner, sides = old.boxes[:, None, :2], old.boxes[:, 2:] - old.boxes[:, :2]
            new = Candidates(shifted(old.boxes, shifts), scores, corner + shares * sides[:, None])
            new = new.take(scores > self.thresholds[2])
            out.append(new.take(keep_uncovered(new.boxes, new.scores, 0.7)))
        return out


def _crops(pyramids: Sequence[Pyramid], found: Sequence[Candidates], side: int) -> list[Floats]:
    return [Squares.around(f.boxes).cut(p, side) for p, f in zip(pyramids, found, strict=True)]
