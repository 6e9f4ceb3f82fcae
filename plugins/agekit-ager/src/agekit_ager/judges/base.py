"""The contract of judges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.images import ImageLike, decode_image, read_image, several
from agekit.faces.base import Detection

__all__ = ["Judge", "Verdict"]


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a judge says of N faces.

    Attributes:
        age: (N,) years, NaN where it finds no face.
        gender: (N,) int8: 0 male, 1 female, -1 where it finds no face; None if it estimates none.
        features: (N, F) what it sees in a face, NaN where it finds none; None if it gives none.
    """

    age: NDArray[np.float64]
    gender: NDArray[np.int8] | None = None
    features: NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        return f"Verdict(faces={len(self.age)}, found={int(self.found.sum())})"

    @classmethod
    def join(cls, parts: Sequence[Verdict]) -> Verdict:
        """Those of several batches, in order; at least one."""
        genders = [part.gender for part in parts if part.gender is not None]
        features = [part.features for part in parts if part.features is not None]
        return cls(
            np.concatenate([part.age for part in parts]),
            np.concatenate(genders) if genders else None,
            np.concatenate(features) if features else None,
        )

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) where it finds a face."""
        return np.isfinite(self.age)


class Judge(ABC):
    """Estimates the ages of faces; independent of the ager it judges.

    Attributes:
        name: what the results call it.
    """

    name: str

    @property
    def finds(self) -> bool:
        """Whether it finds the faces of whole photos itself, for `in_photo`."""
        return False

    def in_photo(
        self, before: NDArray[np.uint8], after: NDArray[np.uint8], faces: Sequence[Detection]
    ) -> list[list[float | None]]:
        """Judges faces of a photo as it answers for photos: found anew, cut to its own frame.

        Args:
            before: (H, W, 3) the photo.
            after: (H, W, 3) the photo with other faces in the same places.
            faces: N faces of it.

        Returns:
            N ages before and N after, years; None of a face that it does not find.
        """
        raise NotImplementedError

    def expect(self, face: Alignment, what: str) -> str | None:
        """Is told how the chips were cut that it is going to be shown.

        Args:
            face: where faces lie in them.
            what: what to call them.

        Returns:
            What a person should know of it, a line; None if nothing.
        """
        return None

    @abstractmethod
    def predict(self, chips: NDArray[np.uint8]) -> Verdict:
        """Judges a batch.

        Args:
            chips: (N, S, S, 3) RGB, one face each.
        """

    def see(self, images: ImageLike | Iterable[ImageLike]) -> Verdict:
        """Judges the middle squares of images, at least one, in any form that `predict` takes.

        Raises:
            ConfigError: something is no image.
            DataError: one cannot be read.
        """
        whole = (read_image(image, None, "image") for image in several(images))
        squares = (decode_image(pixels, min(pixels.shape[:2])) for pixels in whole)
        return Verdict.join([self.predict(square[None]) for square in squares])
