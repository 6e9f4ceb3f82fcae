"""The boxes that one stage hands on to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agekit.faces.mtcnn.boxes import Floats
from agekit.faces.mtcnn.engines import Stage

__all__ = ["Candidates", "run_stage"]

_BATCH = 512


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
