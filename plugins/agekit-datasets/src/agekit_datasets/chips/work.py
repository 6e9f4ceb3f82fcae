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
    """

    images: ImageSource
    encoding: Encoding
    face: Alignment | None
    device: str

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
        assert self.face is not None and isinstance(self.images, EncodedImages)
        decode = self.images.decode
        pictures = [self._read(row, partial(decode, row, None)) for row in rows]
        whole = [picture for picture in pictures if not isinstance(picture, Problem)]
        try:
            found = iter(detector.detect(whole) if whole else [])
        except AgekitError:
            raise
        except Exception as error:
            names = ", ".join(self.images.name(row) for row in rows)
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise DataError(
                f"the detector {self.face.detector!r} failed on {names}: {reason}",
                "what is done is kept; if the memory was full, use fewer --workers",
            ) from error
        return [
            picture if isinstance(picture, Problem) else self._aligned(row, picture, next(found))
            for row, picture in zip(rows, pictures, strict=True)
        ]

    def _aligned(self, row: int, picture: NDArray[np.uint8], faces: Sequence[Detection]) -> Chip:
        assert self.face is not None
        if not faces:
            return Problem("face", self.images.name(row), "no face found")
        try:
            target = known_points(self.face)
            assert target is not None
            chip = cut(picture, main_face(faces).points, target, self.size)
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
