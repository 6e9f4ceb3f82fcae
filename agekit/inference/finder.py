"""Finding the faces of photos and cutting them out the way a model was trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.errors import DataError
from agekit.faces.align import cut, frame
from agekit.faces.base import Detection, Detector
from agekit.inference.reading import Chip
from agekit.registry import DETECTORS
from agekit.scope import within

__all__ = ["FaceFinder"]


class FaceFinder:
    """Detects faces and cuts them out.

    Args:
        face: which detector, and where the five points come to lie; without `points`, on the
            standard ones within the margin.
        size: side of the chips, pixels.
        device: where the detector runs, a torch device or its name.

    Raises:
        UnknownNameError: the detector is not installed.
    """

    def __init__(self, face: Alignment, size: int, device: Any) -> None:
        with within():
            self.detector: Detector = DETECTORS.get(face.detector)(device)
        self.size = size
        self.target = frame(face.margin) if face.points is None else np.array(face.points)

    def detect(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """The faces of each photo, the largest first."""
        return self.detector.detect(photos) if photos else []

    def find(self, photos: Sequence[NDArray[np.uint8]], *, most: int | None) -> list[list[Chip]]:
        """The faces of each photo, the largest first; what cannot be cut out is no face.

        Args:
            photos: (H, W, 3) uint8 each, RGB, upright.
            most: how many of a photo's faces to take; None takes all.
        """
        return [
            list(islice(self._chips(photo, faces), most))
            for photo, faces in zip(photos, self.detect(photos), strict=True)
        ]

    def _chips(self, photo: NDArray[np.uint8], faces: Sequence[Detection]) -> Iterator[Chip]:
        height, width = photo.shape[:2]
        for face in faces:
            with suppress(DataError):
                chip = cut(photo, face.points, self.target, self.size)
                x0, x1 = np.clip(face.box[[0, 2]], 0, width).tolist()
                y0, y1 = np.clip(face.box[[1, 3]], 0, height).tolist()
                yield Chip(chip, (x0, y0, x1, y1))
