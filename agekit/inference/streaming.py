"""What every runtime of an estimator shares: images in, faces found or taken, answers in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from agekit.data.alignment import Alignment
from agekit.data.images import ImageLike, several
from agekit.errors import ConfigError
from agekit.inference.prediction import Face, Prediction
from agekit.inference.reading import Chip, Picture, read_ahead

if TYPE_CHECKING:
    from agekit.inference.finder import FaceFinder

__all__ = ["GROUP_PIXELS", "Faces", "PredictorBase"]

Faces = Literal["all", "largest"]
GROUP_PIXELS = 8_000_000


class PredictorBase(ABC):
    """A model ready to estimate, whatever it is computed with. Needs no torch itself.

    Args:
        face: how the faces it was trained on were cut.
        size: side of the face chips it takes, pixels.
    """

    def __init__(self, face: Alignment, size: int) -> None:
        self.face = face
        self.size = size

    @property
    def detects(self) -> bool:
        """Whether it looks for faces when not told: it was trained on faces cut from photos."""
        return self.face.align == "five-points"

    @property
    def guesses_the_cut(self) -> bool:
        """Whether faces found in photos are cut in a way the model says nothing of."""
        return not self.detects and self.face.points is None

    @property
    @abstractmethod
    def finder(self) -> FaceFinder:
        """What finds faces; made when first needed."""

    @abstractmethod
    def estimate(self, chips: Sequence[Chip]) -> list[Face]:
        """The age of each chip."""

    def predict(
        self,
        images: ImageLike | Iterable[ImageLike],
        detect: bool | None = None,
        faces: Faces = "all",
        *,
        batch_size: int = 64,
    ) -> list[Prediction]:
        """Estimates the ages of the faces in each image.

        Args:
            images: one image, or any number: a path; the bytes of a file; a file open for reading
                in binary mode, read from its start; a Pillow image, whose EXIF orientation is
                honoured only if it comes straight from a file, not turned, converted or copied
                since; an RGB array (H, W, 3), (H, W, 4) or grey (H, W), of uint8 or of floats from
                0 to 1; such a tensor, channels first or last. Four dimensions are a batch.
            detect: whether the images are photos to find faces in, or face chips themselves; None
                decides by how the model's own faces were cut.
            faces: of a photo, all of them or the largest alone.
            batch_size: how many faces go through the network at once.

        Returns:
            One prediction an image, in order; one that cannot be read has its `error` set, and one
            without a face has none.

        Raises:
            ConfigError: an argument is wrong, something is no image (before any is looked at, if
                they are in a list), or the model's detector is not installed.
        """
        return list(self.stream(images, detect, faces, batch_size=batch_size))

    def stream(
        self,
        images: ImageLike | Iterable[ImageLike],
        detect: bool | None = None,
        faces: Faces = "all",
        *,
        batch_size: int = 64,
    ) -> Iterator[Prediction]:
        """As `predict`, one after the other: holds a few photos in memory, however many come.

        Images are taken somewhat ahead of the predictions.
        """
        if faces not in ("all", "largest"):
            raise ConfigError(f"faces={faces!r} is neither 'all' nor 'largest'")
        if batch_size < 1:
            raise ConfigError(f"batch_size={batch_size} is below 1")
        checked = several(images)
        detect = self.detects if detect is None else detect
        finder = self.finder if detect else None
        most = 1 if faces == "largest" else None
        return self._stream(checked, finder, most, batch_size)

    def _stream(
        self,
        images: Iterable[ImageLike],
        finder: FaceFinder | None,
        most: int | None,
        batch_size: int,
    ) -> Iterator[Prediction]:
        pictures = read_ahead(images, self.size if finder is None else None)
        for group in _groups(pictures, batch_size):
            pixels = [picture.pixels for picture in group if picture.pixels is not None]
            if finder is None:
                found = [[Chip(chip)] for chip in pixels]
            else:
                found = finder.find(pixels, most=most)
            yield from self._answer(group, found, batch_size)

    def _answer(
        self, group: Sequence[Picture], found: Sequence[Sequence[Chip]], batch_size: int
    ) -> Iterator[Prediction]:
        chips = [chip for those in found for chip in those]
        starts = range(0, len(chips), batch_size)
        ages = (face for k in starts for face in self.estimate(chips[k : k + batch_size]))
        each = iter(found)
        for picture in group:
            if picture.pixels is None:
                yield Prediction(picture.name, (), picture.error)
            else:
                yield Prediction(picture.name, tuple(next(ages) for _ in next(each)))


def _groups(pictures: Iterable[Picture], most: int) -> Iterator[list[Picture]]:
    """Pictures to look at together: at most `most`, fewer where they are large."""
    group: list[Picture] = []
    room = GROUP_PIXELS
    for picture in pictures:
        group.append(picture)
        room -= 0 if picture.pixels is None else picture.pixels.size // 3
        if len(group) == most or room <= 0:
            yield group
            group, room = [], GROUP_PIXELS
    if group:
        yield group
