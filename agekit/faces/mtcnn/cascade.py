"""The three stages of MTCNN: propose, refine, output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agekit.faces.mtcnn.boxes import keep_apart, keep_uncovered, shifted, squared
from agekit.faces.mtcnn.found import Found, judge
from agekit.faces.mtcnn.networks import ONet, PNet, RNet
from agekit.faces.mtcnn.pyramid import Pyramid
from agekit.faces.mtcnn.settle import settle
from agekit.faces.mtcnn.weights import load_weights

__all__ = ["LARGEST", "WINDOW", "Cascade"]

WINDOW = 12
"""Side in pixels of what P-net sees at once: at this size it knows a face."""

LARGEST = 1.6
"""Side of the largest face looked for, in short sides of the picture; of a tight crop it is more
than the picture shows."""

_STRIDE = 2
_BORDER = WINDOW // 2


class Cascade(nn.Module):
    """The three networks and what lies between them.

    Two things are done otherwise than in the first implementations. Each level of the pyramid
    has a border of half a window, and crops that reach out of a picture are filled up with grey
    instead of cut off and stretched, so that faces at the edge are found and their points are
    right. And O-net looks again at each face, turned upright (`settle`).

    Args:
        thresholds: the least probability of a face after each stage.
        factor: of the sizes of neighbouring levels of the pyramid.

    Raises:
        ModelError: the weights are not there.
    """

    def __init__(
        self, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7), factor: float = 0.709
    ) -> None:
        super().__init__()
        self.thresholds, self.factor = thresholds, factor
        self.pnet = load_weights(PNet(), "pnet")
        self.rnet = load_weights(RNet(), "rnet")
        self.onet = load_weights(ONet(), "onet")
        self.to(memory_format=torch.channels_last)

    def forward(self, pyramids: Sequence[Pyramid], min_faces: Sequence[float]) -> list[Found]:
        """Finds the faces of each pyramid's pictures.

        Args:
            pyramids: stacks of pictures.
            min_faces: side of the smallest face to look for in each stack, pixels.

        Returns:
            For each stack the faces with their points.
        """
        found = [self._propose(p, m) for p, m in zip(pyramids, min_faces, strict=True)]
        found = self._refine(pyramids, found)
        return settle(self.onet, pyramids, self._output(pyramids, found))

    def scales(self, size: tuple[int, int], min_face: float) -> list[float]:
        """The scales of the pyramid's levels, the largest first, for pictures (H, W)."""
        out, face = [], min_face
        while face <= LARGEST * min(size):
            out.append(WINDOW / face)
            face /= self.factor
        return out

    def _propose(self, pyramid: Pyramid, min_face: float) -> Found:
        """P-net over every level; the windows that may show a face, squared."""
        levels = [self._level(pyramid, s) for s in self.scales(pyramid.size, min_face)]
        if not levels:
            none = pyramid.halvings[0].new_empty
            return Found(none(0, dtype=torch.long), none(0, 4), none(0), none(0, 0, 2))
        owner, windows, scores, shifts = (torch.cat(c) for c in zip(*levels, strict=True))
        keep = keep_apart(windows, scores, owner, 0.7)
        boxes = squared(shifted(windows[keep], shifts[keep]))
        return Found(owner[keep], boxes, scores[keep], boxes.new_empty(len(boxes), 0, 2))

    def _level(self, pyramid: Pyramid, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """P-net over one level: owners, windows in pixels of the picture, scores, shifts.

        Windows of one level are thinned out in whole pixels of that level, where overlaps of
        exactly one half are common and must not be left to rounding.
        """
        pictures, exact = pyramid.scaled(scale)
        pictures = F.pad(pictures, [_BORDER] * 4).contiguous(memory_format=torch.channels_last)
        face, shift = self.pnet(pictures)
        owner, row, column = (face > self.thresholds[0]).nonzero(as_tuple=True)
        scores, shifts = face[owner, row, column], shift[owner, :, row, column]
        corner = torch.stack([column, row], dim=1) * _STRIDE - _BORDER
        windows = torch.cat([corner, corner + WINDOW], dim=1)
        keep = keep_apart(windows, scores, owner, 0.5)
        return owner[keep], windows[keep] / shifts.new_tensor(exact * 2), scores[keep], shifts[keep]

    def _refine(self, pyramids: Sequence[Pyramid], found: Sequence[Found]) -> list[Found]:
        """R-net over the crops of all stacks."""
        out = []
        verdicts = judge(self.rnet, _crops(pyramids, found, 24))
        for old, (scores, shifts) in zip(found, verdicts, strict=True):
            sure = (scores > self.thresholds[1]).nonzero()[:, 0]
            keep = sure[keep_apart(old.boxes[sure], scores[sure], old.owner[sure], 0.7)]
            new = replace(old, scores=scores).take(keep)
            out.append(replace(new, boxes=squared(shifted(new.boxes, shifts[keep]))))
        return out

    def _output(self, pyramids: Sequence[Pyramid], found: Sequence[Found]) -> list[Found]:
        """O-net over the crops of all stacks."""
        out = []
        verdicts = judge(self.onet, _crops(pyramids, found, 48))
        for old, (scores, shifts, shares) in zip(found, verdicts, strict=True):
            corner, sides = old.boxes[:, None, :2], old.boxes[:, 2:] - old.boxes[:, :2]
            points = corner + shares * sides[:, None]
            new = Found(old.owner, shifted(old.boxes, shifts), scores, points)
            new = new.take(scores > self.thresholds[2])
            out.append(new.take(keep_uncovered(new.boxes, new.scores, new.owner, 0.7)))
        return out


def _crops(pyramids: Sequence[Pyramid], found: Sequence[Found], side: int) -> list[Tensor]:
    return [p.crops(f.boxes, f.owner, side) for p, f in zip(pyramids, found, strict=True)]
