"""Where to put labels beside boxes: inside the picture, off each other and off other boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rectangle", "place"]

Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""

ON_LABEL, ON_OTHER_BOX, ON_OWN_BOX, LATER_CHOICE = 10.0, 3.0, 1.0, 0.01
ROUNDS = 3


def place(
    boxes: Sequence[Rectangle],
    sizes: Sequence[tuple[float, float]],
    bounds: tuple[int, int],
    gap: float,
) -> tuple[list[Rectangle], bool]:
    """Places one label for each box.

    Each goes to the best of ten places around its box: above, below, beside, or within it where
    nothing else is left. All are looked at again, in turn, when the others have their places.

    Args:
        boxes: what the labels belong to.
        sizes: width and height of each label, pixels.
        bounds: width and height of the picture.
        gap: between a label and its box, pixels.

    Returns:
        The labels' rectangles, and whether none of them covers another or another's box.
    """
    if not boxes:
        return [], True
    owners = np.array(boxes, np.float64)
    options = [_options(b, s, bounds, gap) for b, s in zip(owners, sizes, strict=True)]
    placed = np.zeros((0, 4))
    for k in range(len(boxes)):
        best = options[k][_costs(options[k], placed, owners, k).argmin()]
        placed = np.vstack([placed, best])
    for _ in range(ROUNDS - 1):
        for k in range(len(boxes)):
            others = np.delete(placed, k, axis=0)
            placed[k] = options[k][_costs(options[k], others, owners, k).argmin()]
    clear = True
    for k in range(len(boxes)):
        others = np.vstack([np.delete(placed, k, axis=0), np.delete(owners, k, axis=0)])
        clear &= not _shares(placed[k : k + 1], others).any()
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in placed.tolist()], clear


def _options(
    box: NDArray[np.float64], size: tuple[float, float], bounds: tuple[int, int], gap: float
) -> NDArray[np.float64]:
    """(10, 4): the places beside a box, moved into the picture, the most usual first."""
    (x0, y0, x1, y1), (w, h) = box, size
    above, below, right, left = y0 - gap - h, y1 + gap, x1 + gap, x0 - gap - w
    outside = [(x0, above), (x1 - w, above), (x0, below), (x1 - w, below)]
    outside += [(right, y0), (left, y0), (right, y1 - h), (left, y1 - h)]
    inside = [(x0 + gap, y1 - h - gap), (x0 + gap, y0 + gap)]
    corners = np.array(outside + inside)
    corners = np.clip(corners, 0, np.maximum(np.array(bounds) - size, 0))
    return np.hstack([corners, corners + size])


def _costs(
    options: NDArray[np.float64], labels: NDArray[np.float64], owners: NDArray[np.float64], k: int
) -> NDArray[np.float64]:
    covered = _shares(options, owners)
    own = covered[:, k]
    cost = ON_LABEL * _shares(options, labels).sum(1) + ON_OWN_BOX * own
    cost += ON_OTHER_BOX * (covered.sum(1) - own)
    return np.asarray(cost + LATER_CHOICE * np.arange(len(options)))


def _shares(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M): which share of each of (N, 4) rectangles each of (M, 4) covers."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    areas = (ones[:, 2:] - ones[:, :2]).prod(1)
    return np.asarray(np.maximum(high - low, 0).prod(2) / areas[:, None])
