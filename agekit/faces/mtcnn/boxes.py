"""Moving, squaring and thinning out boxes: (M, 4) of x0, y0, x1, y1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Rows", "keep_apart", "keep_uncovered", "shifted", "squared"]

Floats = NDArray[np.floating]
Rows = NDArray[np.int64]


def shifted(boxes: Floats, shifts: Floats) -> Floats:
    """Moves each edge by its shift (M, 4), given in widths and heights of the box."""
    return boxes + shifts * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def squared(boxes: Floats) -> Floats:
    """The squares about the same centres with each box's longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def keep_apart(boxes: Floats, scores: Floats, overlap: float) -> Rows:
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


def keep_uncovered(boxes: Floats, scores: Floats, overlap: float) -> Rows:
    """As `keep_apart`, with the intersection over the smaller box: for a few boxes.

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
