"""Finding the faces of photos and cutting them out the way a model was trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.errors import DataError
from agekit.faces.align import cut, frame, is_upright
from agekit.faces.base import Detection, Detector
from agekit.inference.face import Chip
from agekit.inference.given import GivenFaces
from agekit.registry import DETECTORS
from agekit.scope import within

__all__ = ["FaceFinder"]

Photo = NDArray[np.uint8]

_IN_BOX = np.array([[0.28, 0.39], [0.72, 0.39], [0.5, 0.6], [0.31, 0.76], [0.69, 0.76]])
"""Where the five points usually lie in a box of MTCNN, as shares of its sides."""
_ROOM = 0.5
"""Sides of a box that are looked at around it."""
_SAME = 0.3
"""The least intersection over union of a face's box with the box it was looked for in."""


class FaceFinder:
    """Detects faces and cuts them out.

    Args:
        face: which detector, and where the five points come to lie; without `points`, on the
            standard ones within the margin.
        size: side of the chips, pixels.
        device: where the detector runs, a torch device or its name.
    """

    def __init__(self, face: Alignment, size: int, device: Any) -> None:
        self.face = face
        self.size = size
        self.device = device
        with within():
            self._scope = copy_context()
        self.target = frame(face.margin) if face.points is None else np.array(face.points)

    @cached_property
    def detector(self) -> Detector:
        """The detector of faces; made when first needed.

        Raises:
            UnknownNameError: it is not installed.
        """
        detector: Detector = self._scope.run(DETECTORS.get, self.face.detector)(self.device)
        return detector

    def detect(self, photos: Sequence[Photo]) -> list[list[Detection]]:
        """The faces of each photo, the largest first.

        Where no upright face is surely one (see `Detector.sure`), the photo is looked at by quarter
        turns as well. The turn with the best face is taken if there was no upright face, or only a
        doubtful one and the other is sure. Boxes and points are always of the photo as given.

        Args:
            photos: (H, W, 3) uint8 each, RGB.
        """
        if not photos:
            return []
        found = self.detector.detect(photos)
        first = [_best(faces) for faces in found]
        sure = self.detector.sure
        doubtful = [i for i, score in enumerate(first) if score is None or score < sure]
        best = [0.0 if score is None else max(score, sure) for score in first]
        for turns in (1, 2, 3) if doubtful else ():
            turned = [np.ascontiguousarray(np.rot90(photos[i], turns)) for i in doubtful]
            for i, faces in zip(doubtful, self.detector.detect(turned), strict=True):
                score = _best(faces)
                if score is not None and score > best[i]:
                    best[i] = score
                    found[i] = [_turned_back(face, turns, photos[i].shape) for face in faces]
        return found

    def find(self, photos: Sequence[Photo], *, most: int | None) -> list[list[Chip]]:
        """The faces of each photo, the largest first; what cannot be cut out is no face.

        Args:
            photos: (H, W, 3) uint8 each, RGB, upright.
            most: how many of a photo's faces to take; None takes all.
        """
        return [
            list(islice(self._chips(photo, faces), most))
            for photo, faces in zip(photos, self.detect(photos), strict=True)
        ]

    def take(
        self, photos: Sequence[Photo], given: Sequence[GivenFaces], *, most: int | None
    ) -> list[list[Chip]]:
        """The faces of each photo that were given, in their order.

        Points that were not given are those of the face found in the box, be it in the photo or in
        the box alone; where there is none, the face is cut as it usually lies in a box, and has no
        points.

        Args:
            photos: (H, W, 3) uint8 each, RGB, upright.
            given: of each, all within the photo.
            most: how many of a photo's faces to take, the largest; None takes all.
        """
        boxed = [i for i, faces in enumerate(given) if faces.points is None and len(faces.boxes)]
        found = dict(zip(boxed, self.detect([photos[i] for i in boxed]), strict=True))
        return [
            [self._given(photo, faces, k, found.get(i, [])) for k in _largest(faces.boxes, most)]
            for i, (photo, faces) in enumerate(zip(photos, given, strict=True))
        ]

    def _given(self, photo: Photo, faces: GivenFaces, k: int, found: Sequence[Detection]) -> Chip:
        box = faces.boxes[k]
        if faces.points is not None:
            return self._chip(photo, box, faces.points[k])
        seen = _filling(box, found) or _filling(box, self._around(photo, box))
        if seen is not None:
            return self._chip(photo, box, seen.points, seen.score)
        where = box[:2] + _IN_BOX * (box[2:] - box[:2])
        return self._chip(photo, box, where)._replace(points=None)

    def _around(self, photo: Photo, box: NDArray[np.float64]) -> list[Detection]:
        """The faces of the part of a photo about a box."""
        room = _ROOM * (box[2:] - box[:2])
        size = photo.shape[1::-1]
        x0, y0 = low = np.clip(np.floor(box[:2] - room), 0, size).astype(int)
        x1, y1 = np.clip(np.ceil(box[2:] + room), 0, size).astype(int)
        [faces] = self.detect([np.ascontiguousarray(photo[y0:y1, x0:x1])])
        return [replace(f, box=f.box + np.tile(low, 2), points=f.points + low) for f in faces]

    def _chips(self, photo: Photo, faces: Sequence[Detection]) -> Iterator[Chip]:
        for face in faces:
            with suppress(DataError):
                yield self._chip(photo, face.box, face.points, face.score)

    def _chip(
        self,
        photo: Photo,
        box: NDArray[np.floating],
        points: NDArray[np.floating],
        score: float | None = None,
    ) -> Chip:
        chip = cut(photo, points, self.target, self.size)
        height, width = photo.shape[:2]
        x0, y0, x1, y1 = np.clip(box, 0, [width, height, width, height]).tolist()
        shown = tuple((x, y) for x, y in points.tolist())
        return Chip(chip, (x0, y0, x1, y1), score, shown, placed=points.astype(np.float64))


def _best(faces: Sequence[Detection]) -> float | None:
    """The best score of the upright ones."""
    return max((face.score for face in faces if _upright(face)), default=None)


def _upright(face: Detection) -> bool:
    try:
        return is_upright(face.points)
    except DataError:
        return False


def _turned_back(face: Detection, turns: int, shape: Sequence[int]) -> Detection:
    """A face of ``np.rot90(photo, turns)`` where it is in the photo of this shape."""
    height, width = shape[:2]
    matrix, shift = {
        1: ([[0, 1], [-1, 0]], [width, 0]),
        2: ([[-1, 0], [0, -1]], [width, height]),
        3: ([[0, -1], [1, 0]], [0, height]),
    }[turns]
    corners, points = (x.reshape(-1, 2) @ matrix + shift for x in (face.box, face.points))
    box = np.concatenate([corners.min(0), corners.max(0)])
    return replace(face, box=box.astype(np.float32), points=points.astype(np.float32))


def _largest(boxes: NDArray[np.float64], most: int | None) -> list[int]:
    """The numbers of the largest boxes, in their order."""
    order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).prod(1), kind="stable")
    return sorted(order[:most].tolist())


def _filling(box: NDArray[np.float64], faces: Sequence[Detection]) -> Detection | None:
    """The face that fills a box best, if one does."""
    best = max(faces, key=lambda face: _overlap(face.box, box), default=None)
    return best if best is not None and _overlap(best.box, box) >= _SAME else None


def _overlap(box: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Intersection over union."""
    low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
    shared = float(np.maximum(high - low, 0).prod())
    both = (box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod()
    return shared / float(both - shared)
