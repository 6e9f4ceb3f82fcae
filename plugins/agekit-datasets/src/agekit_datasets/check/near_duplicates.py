"""Pictures that are nearly the same: one photo scaled, cut or compressed in two ways."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "THUMBNAIL", "near_duplicate_groups"]

THUMBNAIL = 24
MOST = 60_000
"""Pictures that are compared, each with each, in about a minute."""
_ALIKE = 0.98
"""Correlation of grey thumbnails. Two photos of one person in one pose stay below; one photo that
was saved again, or cut by a pixel or two, does not."""
_ROWS = 2048
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def near_duplicate_groups(thumbnails: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    """Groups of pictures, each like another of its group.

    Args:
        thumbnails: (N, 24, 24, 3) RGB; pictures of one even colour are like nothing.

    Returns:
        The rows of each group of two or more, in ascending order, ordered by the first.
    """
    grey = (thumbnails.astype(np.float32) @ _GREY).reshape(len(thumbnails), THUMBNAIL**2)
    grey -= grey.mean(1, keepdims=True)
    grey /= np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1)
    group: dict[int, list[int]] = {}
    for first, second in _pairs(grey):
        mine, theirs = group.setdefault(first, [first]), group.setdefault(second, [second])
        if mine is not theirs:
            mine += theirs
            group.update(dict.fromkeys(theirs, mine))
    distinct = {id(rows): sorted(rows) for rows in group.values()}
    return [np.array(rows) for rows in sorted(distinct.values())]


def _pairs(unit: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Rows of unit vectors whose product is above the threshold, the smaller row first."""
    for start in range(0, len(unit), _ROWS):
        near = np.triu(unit[start : start + _ROWS] @ unit[start:].T > _ALIKE, 1)
        yield from zip(*(start + rows for rows in np.nonzero(near)), strict=True)
