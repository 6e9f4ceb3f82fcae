"""Answers of models: an image with its faces, or why it could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.images import ImageLike, read_image
from agekit.errors import ConfigError, DataError
from agekit.inference.face import AgedFace, Face

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]

__all__ = ["AgedImage", "Prediction"]


@dataclass(frozen=True)
class Prediction:
    """What was found in one image, or why it could not be read.

    Attributes:
        path: the image's; empty for one that came in memory.
        faces: the largest first, or in the order in which their boxes were given.
        error: why the image could not be read, or None.
        image: the image as it was given, for `plot`; None if it came out of a generator.
        warning: of an image taken as a face chip: how it was reframed, or why it is none.
    """

    path: str
    faces: tuple[Face, ...]
    error: str | None = None
    image: ImageLike | None = field(default=None, repr=False, compare=False)
    warning: str | None = field(default=None, repr=False)

    def to_dict(self, distribution: bool = False) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it, with or without the ages' distributions."""
        faces = [face.to_dict(distribution) for face in self.faces]
        told = {} if self.warning is None else {"warning": self.warning}
        return {"path": self.path, "faces": faces, "error": self.error, **told}

    def plot(self, image: ImageLike | None = None) -> Image:
        """Draws the faces' boxes, ages and intervals; of a chip, its distribution beside it.

        Args:
            image: what was predicted, where that is not remembered; see `image`.

        Raises:
            ConfigError: the image is not known.
            DataError: it cannot be read.
        """
        from agekit.inference.draw import draw_faces
        from agekit.inference.plot import draw_rows

        shown = self if image is None else replace(self, image=image)
        if any(face.box is None for face in self.faces):
            return draw_rows(shown.rows())
        return draw_faces(shown._pixels(None), self.faces)

    def rows(self) -> list[tuple[Pixels, Face]]:
        """Each face with the image it is, as `agekit.inference.plot` draws it."""
        from agekit.inference.plot import SIDE

        return [(self._pixels(SIDE), face) for face in self.faces]

    def _pixels(self, size: int | None) -> Pixels:
        image = self.path or None if self.image is None else self.image
        if image is None:
            reason = "the image is not remembered: it came out of a generator"
            raise ConfigError(reason, "give it")
        return read_image(image, size, self.path or "image")


@dataclass(frozen=True, eq=False)
class AgedImage:
    """What became of one image.

    Attributes:
        path: its path; empty for one that came in memory.
        before: (H, W, 3) uint8, the upright photo, or the chip as the ager takes it; None if it
            could not be read.
        after: the same, aged; None if there is no face in it.
        faces: those that were aged, the largest first.
        error: why it could not be read, or None.
        warning: of an image taken as a face chip: how it was reframed, or why it is none.
    """

    path: str
    before: Pixels | None
    after: Pixels | None
    faces: tuple[AgedFace, ...] = ()
    error: str | None = None
    warning: str | None = None

    def __repr__(self) -> str:
        size = (
            "" if self.after is None else f", {self.after.shape[1]} x {self.after.shape[0]} pixels"
        )
        error = "" if self.error is None else f", error={self.error!r}"
        return f"AgedImage({self.path!r}{size}, faces={self.faces}{error})"

    def to_dict(self) -> dict[str, Any]:
        """Ages before and after, of the first face and of each, and where the faces are."""
        faces = [face.to_dict() for face in self.faces]
        first = faces[0] if faces else {"before": None, "after": None}
        ages = {"before": first["before"], "after": first["after"]}
        return {"path": self.path, **ages, "faces": faces, "error": self.error}

    def plot(self) -> Image:
        """Draws before and after side by side, with the ages where they are known.

        Raises:
            DataError: the image could not be read, or there is no face in it.
        """
        from agekit.inference.draw import side_by_side

        if self.before is None or self.after is None:
            raise DataError(self.error or f"{self.path or 'the image'}: no face found")
        return side_by_side(self.before, self.after, self.faces)
