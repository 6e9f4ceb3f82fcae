"""The faces that prototypes are made of: as many of each age, gender and dataset, the sharp."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.faces.align import similarity
from agekit.faces.framing import CutByPoints, Reframed
from agekit.plugin import Faces, ImageSource, JoinedImages

__all__ = ["chosen", "seen", "sharper", "sources"]

_GRID = 48
"""Side of what says where there is a picture, pixels."""


def sources(faces: Faces) -> NDArray[np.int64]:
    """(N,) the dataset of each row, counted from 0."""
    images = faces.table.images
    if isinstance(images, JoinedImages):
        return images.part.astype(np.int64)
    return np.zeros(len(faces.table), np.int64)


def chosen(faces: Faces, most: int) -> Faces:
    """Up to `most` training faces of each decade, gender and dataset; of the others an eighth.

    Which ones depends on the pictures alone.

    Args:
        faces: read and split.
        most: of the training split.
    """
    table = faces.table
    keys = table.content_keys()[:, :8].copy().view(np.uint64)[:, 0]
    cell = (sources(faces) * 16 + (table.age // 10).astype(np.int64)) * 4 + table.gender
    codes = np.full(len(table), -1, np.int8)
    for split in (0, 1, 2):
        wanted = most if split == 0 else max(most // 8, 2)
        rows = np.flatnonzero(faces.codes == split)
        rows = rows[np.argsort(keys[rows], kind="stable")]
        for one in np.unique(cell[rows]):
            codes[rows[cell[rows] == one][:wanted]] = split
    left, used = (codes >= 0).sum(), (faces.codes >= 0).sum()
    if left == used:
        return faces
    drawn = f"{left:,} of {used:,} faces, as many of each age, gender and dataset"
    return replace(faces, codes=codes, drawn=drawn)


def seen(images: ImageSource, i: int) -> NDArray[np.bool_]:
    """Where a face that was cut out shows its photo, not its mirror image beyond the photo's edge.

    Args:
        images: the source of the face.
        i: which of its images.

    Returns:
        (48, 48).
    """
    if isinstance(images, JoinedImages):
        one = images.take(np.array([i]))
        return seen(next(source for source in one.sources.values() if len(source)), 0)
    if not isinstance(images, Reframed | CutByPoints):
        return np.ones((_GRID, _GRID), bool)
    if isinstance(images, Reframed):
        have, edge = images.have, np.ones(2)
    else:
        height, width = images.source.decode(i, None).shape[:2]
        have, edge = images.points[i].astype(np.float64), np.array([width, height])
    back = similarity(images.want, have)
    ticks = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(ticks, ticks)
    at = np.stack([x, y], -1) @ back[:, :2].T + back[:, 2]
    return np.asarray(((at > 0) & (at < edge)).all(-1))


def sharper(pixels: list[NDArray[np.uint8]], cell: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The sharper half of the faces of each cell: a blurred photo has no wrinkles to count.

    Args:
        pixels: N faces of one size.
        cell: (N,) any codes.
    """
    detail = np.array([_detail(face) for face in pixels])
    kept = np.zeros(len(pixels), bool)
    for one in np.unique(cell):
        here = cell == one
        kept |= here & (detail >= np.median(detail[here]))
    return kept


def _detail(face: NDArray[np.uint8]) -> float:
    size = face.shape[0]
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), size / 120)
    return float(fine[int(0.36 * size) : int(0.57 * size), int(0.2 * size) : int(0.8 * size)].std())
