"""From a picture to the file of its face chip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.data.files import EncodedImages
from agekit.data.table import ImageSource, Problem
from agekit.errors import AgekitError, ConfigError, DataError
from agekit.faces.align import cut
from agekit.registry import DETECTORS

if TYPE_CHECKING:
    from agekit.faces.base import Detection, Detector

__all__ = ["ENDINGS", "UNREADABLE", "ChipWork", "encode", "main_face"]

ENDINGS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
"""Format to ending."""
UNREADABLE = "unreadable"
"""The kind of failure that may pass: the file could not be read at the moment."""

_NEAR = 0.9

Chip = bytes | Problem


@dataclass(frozen=True)
class ChipWork:
    """Makes chips; see `agekit.faces.workers.Work`.

    Attributes:
        images: where the pictures come from.
        size: side of the chips in pixels.
        format: a key of `ENDINGS`.
        quality: of JPEG and WebP, 1 to 100.
        detector: registry name of what finds the faces; None takes the pictures as they are.
        points: (5, 2) where those of a face come to lie, shares of the side.
        device: where the detector runs.
    """

    images: ImageSource
    size: int
    format: str
    quality: int
    detector: str | None
    points: Sequence[tuple[float, float]]
    device: str

    def open(self) -> Callable[[Sequence[int]], list[Chip]]:
        """Loads the detector; gives the function from rows to chips' files, or why there is none.

        Raises:
            AgekitError: there is no such detector, or it cannot be made.
        """
        if self.detector is None:
            return lambda rows: [self._scaled(row) for row in rows]
        import cv2
        import torch

        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        detector: Detector = DETECTORS.get(self.detector)(torch.device(self.device))
        return lambda rows: self._detected(detector, rows)

    def check(self) -> None:
        """Makes sure that faces can be looked for in the pictures, if they are to be.

        Raises:
            ConfigError: the pictures are not in files.
        """
        if self.detector and not isinstance(self.images, EncodedImages):
            raise ConfigError(
                "these pictures are not in files: no faces can be looked for in them",
                "take them as they are: --no-detect",
            )

    def _scaled(self, row: int) -> Chip:
        picture = self._read(row, lambda: self.images.decode(row, self.size))
        return picture if isinstance(picture, Problem) else self._file(picture)

    def _detected(self, detector: Detector, rows: Sequence[int]) -> list[Chip]:
        assert isinstance(self.images, EncodedImages)
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
                f"the detector {self.detector!r} failed on {names}: {reason}",
                "what is done is kept; if the memory was full, use fewer --workers",
            ) from error
        return [
            picture if isinstance(picture, Problem) else self._aligned(row, picture, next(found))
            for row, picture in zip(rows, pictures, strict=True)
        ]

    def _aligned(self, row: int, picture: NDArray[np.uint8], faces: Sequence[Detection]) -> Chip:
        if not faces:
            return Problem("face", self.images.name(row), "no face found")
        try:
            chip = cut(picture, main_face(faces).points, np.array(self.points), self.size)
        except DataError as error:
            return Problem("face", self.images.name(row), error.message)
        return self._file(chip)

    def _read(self, row: int, read: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8] | Problem:
        name = self.images.name(row)
        try:
            return read()
        except DataError as error:
            return Problem("image", name, error.message.removeprefix(f"{name}: "))
        except OSError as error:
            return Problem(UNREADABLE, name, f"cannot be read: {error.strerror or error}")

    def _file(self, chip: NDArray[np.uint8]) -> bytes:
        return encode(chip, self.format, self.quality)


def main_face(faces: Sequence[Detection]) -> Detection:
    """The largest face; among those at least nine tenths as large, the one most surely a face."""
    limit = _NEAR * max(face.area for face in faces)
    near = [face for face in faces if face.area >= limit]
    return max(near, key=lambda face: (face.score, face.area, -float(face.box[0])))


def encode(chip: NDArray[np.uint8], format: str, quality: int) -> bytes:
    """The bytes of an image file.

    Args:
        chip: (H, W, 3) RGB.
        format: a key of `ENDINGS`.
        quality: of JPEG and WebP, 1 to 100.
    """
    file = BytesIO()
    options = {} if format == "png" else {"quality": quality}
    Image.fromarray(chip).save(file, format, **options)
    return file.getvalue()
