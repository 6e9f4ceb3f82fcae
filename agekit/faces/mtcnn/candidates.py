"""Candidate boxes: moved, squared and thinned out, and run through a network together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.faces.mtcnn.engines import Floats, Stage

__all__ = ["Candidates", "nms", "nms_of_smaller", "run_stage", "shifted", "squared"]

Rows = NDArray[np.int64]

_BATCH = 512
"""Crops at a time, so that those of a crowd fit into memory."""


@dataclass(frozen=True)
class Candidates:
    """M boxes in one picture that may hold a face.

    Attributes:
        boxes: (M, 4) x0, y0, x1, y1 in pixels.
        scores: (M,) probability of a face.
        points: (M, 5, 2) in pixels; empty, (M, 0, 2), before the last stage.
    """

    boxes: Floats
    scores: Floats
    points: Floats

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Candidates:
        """Some of them, by index or mask."""
        return Candidates(self.boxes[index], self.scores[index], self.points[index])


def run_stage(network: Stage, crops: Sequence[Floats]) -> list[tuple[Floats, ...]]:
    """The outputs of a network for the crops of each picture; those of all run together.

    Args:
        network: from (M, 3, side, side) to arrays of M rows.
        crops: (M, 3, side, side) of each picture.

    Returns:
        The arrays for each picture.
    """
    together = np.concatenate(crops)
    starts = range(0, max(1, len(together)), _BATCH)
    parts = [network(together[start : start + _BATCH]) for start in starts]
    ends = np.cumsum([len(c) for c in crops])[:-1]
    columns = [np.split(np.concatenate(column), ends) for column in zip(*parts, strict=True)]
    return list(zip(*columns, strict=True))


def shifted(boxes: Floats, shifts: Floats) -> Floats:
    """Boxes (M, 4), each edge moved by its shift (M, 4), in widths and heights of the box."""
    return boxes + shifts * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def squared(boxes: Floats) -> Floats:
    """The squares about the centres of boxes (M, 4), with each box's longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def nms(boxes: Floats, scores: Floats, overlap: float) -> Rows:
    """Non-maximum suppression: the better boxes put out the worse that they overlap too much.

    Args:
        boxes: (M, 4).
        scores: (M,), above 0.
        overlap: the largest intersection over union that two may have.

    Returns:
        The indices of those that stay, the best first.
    """
    corner, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    sized = np.concatenate([corner, sides], axis=1).astype(np.float64)
    return np.array(cv2.dnn.NMSBoxes(sized.tolist(), scores.tolist(), 0.0, overlap), np.int64)


def nms_of_smaller(boxes: Floats, scores: Floats, overlap: float) -> Rows:
    """As `nms`, with the intersection over the smaller box: for a few boxes.

    So a small box goes too where a larger one, or one inside it, is better.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    low = np.maximum(ranked[:, None, :2], ranked[None, :, :2])
    high = np.minimum(ranked[:, None, 2:], ranked[None, :, 2:])
    area = (ranked[:, 2:] - ranked[:, :2]).prod(axis=1)
    common = np.maximum(high - low, 0).prod(axis=2)
    clash = common > overlap * np.minimum(area[:, None], area)
    kept: list[int] = []
    for i in range(len(ranked)):
        if not clash[i, kept].any():
            kept.append(i)
    return order[kept]
