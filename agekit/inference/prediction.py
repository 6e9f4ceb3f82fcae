"""Answers of models: an image with its faces, or why it could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.images import ImageLike, read_image
from agekit.errors import ConfigError
from agekit.inference.face import Face

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]

__all__ = ["Prediction"]


@dataclass(frozen=True)
class Prediction:
    """The faces found in one image, or the reason why it could not be read.

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

        Several faces have their numbers, as the text of `agekit predict` has them.

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
        several = range(1, len(self.faces) + 1) if len(self.faces) > 1 else None
        return draw_faces(shown._pixels(None), self.faces, several)

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
