"""Face chips: found in a picture, cut and encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from agekit.errors import AgekitError, ConfigError, DataError
from agekit.plugin import (
    DETECTORS,
    Alignment,
    Detection,
    Detector,
    EncodedImages,
    ImageSource,
    Problem,
    cut,
    known_points,
    one_thread,
    unusable,
)
from agekit_datasets.encode import Encoding

__all__ = ["UNREADABLE", "ChipWork", "main_face"]

UNREADABLE = "unreadable"
"""The kind of failure that may pass: the file could not be read at the moment."""

_NEAR = 0.9
"""Of the largest face's area: of faces as large as that, size does not tell which is meant."""

Chip = bytes | Problem


@dataclass(frozen=True)
class ChipWork:
    """Makes chips; see `agekit_datasets.chips.workers.Work`.

    Attributes:
        images: where the pictures come from.
        encoding: of the chips, with their size.
        face: what finds the faces and where their points come to lie; None takes the pictures as
            they are.
        device: where the detector runs.
        points: (N, 5, 2) pixels, where the dataset says them; a face whose points are not finite
            is detected.
    """

    images: ImageSource
    encoding: Encoding
    face: Alignment | None
    device: str
    points: NDArray[np.float32] | None = None

    @property
    def size(self) -> int:
        """Side of the chips in pixels."""
        assert self.encoding.size is not None
        return self.encoding.size

    def open(self) -> Callable[[Sequence[int]], list[Chip]]:
        """Loads the detector; gives the function from rows to chips' files, or why there is none.

        Raises:
            AgekitError: there is no such detector, or it cannot be made.
        """
        if self.face is None:
            return lambda rows: [self._scaled(row) for row in rows]
        if self.points is not None and np.isfinite(self.points).all():
            return lambda rows: [self._chip(row, self._whole(row), ()) for row in rows]
        detector: Detector = DETECTORS.get(self.face.detector)(one_thread(self.device))
        return lambda rows: self._detected(detector, rows)

    def check(self) -> None:
        """Makes sure that chips can be made, before any is.

        Raises:
            ConfigError: they have no size; or faces are to be looked for in pictures that are not
                in files.
        """
        if self.encoding.size is None:
            raise ConfigError("chips are all of one size", "give their encoding a size")
        if self.face and not isinstance(self.images, EncodedImages):
            raise ConfigError(
                "these pictures are not in files: no faces can be looked for in them",
                "take them as they are: --no-detect",
            )

    def _scaled(self, row: int) -> Chip:
        picture = self._read(row, lambda: self.images.decode(row, self.size))
        return picture if isinstance(picture, Problem) else self.encoding.encode(picture)

    def _detected(self, detector: Detector, rows: Sequence[int]) -> list[Chip]:
        assert self.face is not None
        pictures = {row: self._whole(row) for row in rows}
        looked = {
            row: picture
            for row, picture in pictures.items()
            if not isinstance(picture, Problem) and self._own(row) is None
        }
        try:
            found = detector.detect([*looked.values()]) if looked else []
        except AgekitError:
            raise
        except Exception as error:
            names = ", ".join(self.images.name(row) for row in rows)
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise DataError(
                f"the detector {self.face.detector!r} failed on {names}: {reason}",
                "what is done is kept; if the memory was full, use fewer --workers",
            ) from error
        faces = dict(zip(looked, found, strict=True))
        return [self._chip(row, pictures[row], faces.get(row, ())) for row in rows]

    def _own(self, row: int) -> NDArray[np.float32] | None:
        """The points that the dataset says of a face."""
        known = self.points is not None and np.isfinite(self.points[row]).all()
        return self.points[row] if known and self.points is not None else None

    def _whole(self, row: int) -> NDArray[np.uint8] | Problem:
        assert isinstance(self.images, EncodedImages)
        return self._read(row, partial(self.images.decode, row, None))

    def _chip(
        self, row: int, picture: NDArray[np.uint8] | Problem, faces: Sequence[Detection]
    ) -> Chip:
        """A face cut by the dataset's own points, else by those that were detected."""
        assert self.face is not None
        if isinstance(picture, Problem):
            return picture
        points = self._own(row)
        if points is None and not faces:
            return Problem("face", self.images.name(row), "no face found")
        try:
            target = known_points(self.face)
            assert target is not None
            at = main_face(faces).points if points is None else points.astype(np.float64)
            chip = cut(picture, at, target, self.size)
        except DataError as error:
            return Problem("face", self.images.name(row), error.message)
        return self.encoding.encode(chip)

    def _read(self, row: int, read: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8] | Problem:
        name = self.images.name(row)
        try:
            return read()
        except (DataError, OSError) as error:
            kind = "image" if isinstance(error, DataError) else UNREADABLE
            return Problem(kind, name, unusable(error, name))


def main_face(faces: Sequence[Detection]) -> Detection:
    """The largest face; among those at least nine tenths as large, the one most surely a face."""
    limit = _NEAR * max(face.area for face in faces)
    near = [face for face in faces if face.area >= limit]
    return max(near, key=lambda face: (face.score, face.area, -float(face.box[0])))
