"""Models at work on faces: images in, faces found or taken, answers in their order.

Nothing here needs torch: what computes is a subclass's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from typing import Any, Literal, Protocol

from agekit.data.alignment import Alignment
from agekit.data.images import ImageLike, is_one, several
from agekit.errors import ConfigError
from agekit.inference.chips import ChipTaker
from agekit.inference.face import Answer, Chip, Face
from agekit.inference.finder import FaceFinder
from agekit.inference.given import GivenFaces, given_faces
from agekit.inference.inputs import Picture, read_ahead
from agekit.inference.prediction import Prediction

__all__ = ["GROUP_PIXELS", "FaceModel", "PredictorBase", "SaysMore", "WhichFaces"]

WhichFaces = Literal["all", "largest"]
Scope = Callable[[], AbstractContextManager[None]]
Seen = tuple[Picture, Sequence[Chip]]
"""An image, and the faces of it that the model is shown; none where it could not be read."""
GROUP_PIXELS = 8_000_000


class SaysMore(Protocol):
    """A model that says one thing more of each face, as `agekit.inference.attribute` has them."""

    @property
    def key(self) -> str:
        """The name of the answers."""

    def answers(self, group: Sequence[Seen], most: int) -> list[Answer]:
        """The answers about the faces of some images, in order, at most so many at once."""


class FaceModel:
    """A model that is shown faces, whatever it makes of them.

    Args:
        name: what the model is called.
        face: how the faces it was trained on were cut.
        size: side of the face chips it takes, pixels.
        device: where it runs, a torch device or its name.
        scope: holds while its detector is looked up, so that a name means that of the model.
    """

    def __init__(
        self, name: str, face: Alignment, size: int, device: Any, scope: Scope = nullcontext
    ) -> None:
        self.name = name
        self.face = face
        self.size = size
        self.device = device
        self._scope = scope

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, size={self.size}, device='{self.device}')"

    @property
    def detects(self) -> bool:
        """True if it looks for faces when not told: it was trained on faces cut from photos."""
        return self.face.align == "five-points"

    @property
    def alignment_unknown(self) -> bool:
        """True if faces found in photos are cut in a way the model says nothing of."""
        return not self.detects and self.face.points is None

    @cached_property
    def finder(self) -> FaceFinder:
        """The finder, which finds faces and cuts them out; made when first needed.

        Raises:
            UnknownNameError: the model's detector is not installed.
        """
        with self._scope():
            return FaceFinder(self.face, self.size, self.device)

    def faces_of(
        self,
        images: ImageLike | Iterable[ImageLike],
        detect: bool | None,
        faces: WhichFaces,
        *,
        boxes: Any = None,
        points: Any = None,
        together: int = 1,
    ) -> Iterator[Sequence[Seen]]:
        """The faces of images, in order, a few images at a time; reads somewhat ahead.

        Args:
            images: see `PredictorBase.predict`, as for what follows.
            detect: likewise.
            faces: likewise.
            boxes: likewise.
            points: likewise.
            together: at most so many images at a time, fewer where they are large.

        Raises:
            ConfigError: an argument is wrong, before any image is looked at.
        """
        if faces not in ("all", "largest"):
            raise ConfigError(f"faces={faces!r} is neither 'all' nor 'largest'")
        checked = several(images)
        given = None
        if boxes is not None or points is not None:
            if detect is not None:
                raise ConfigError("boxes and points say where the faces are", "leave out detect")
            given = given_faces(boxes, points, checked, is_one(images))
        elif self.detects if detect is None else detect:
            # Made here, so that a detector which is not installed is told before any image is read.
            self.finder.detector  # noqa: B018
        else:
            return self._taken(checked, together)
        return self._found(checked, given, 1 if faces == "largest" else None, together)

    def _taken(self, images: Iterable[ImageLike], together: int) -> Iterator[Sequence[Seen]]:
        """The images as chips themselves."""
        taker = ChipTaker(self.face, self.size, lambda: self.finder, self.name)
        for group in _groups(read_ahead(images), together):
            chips = iter(taker.take(group))
            yield [(p, () if p.pixels is None else (next(chips),)) for p in group]

    def _found(
        self,
        images: Iterable[ImageLike],
        given: Sequence[GivenFaces] | None,
        most: int | None,
        together: int,
    ) -> Iterator[Sequence[Seen]]:
        """The faces that are in the images, those given or else those detected."""
        pictures = read_ahead(images)
        if given is not None:
            pictures = _holding(pictures, given)
        done = 0
        for group in _groups(pictures, together):
            pixels = [picture.pixels for picture in group if picture.pixels is not None]
            if given is None:
                found = self.finder.find(pixels, most=most)
            else:
                theirs = zip(group, given[done:], strict=False)
                mine = [faces for picture, faces in theirs if picture.pixels is not None]
                found = self.finder.take(pixels, mine, most=most)
            done += len(group)
            each = iter(found)
            yield [(p, () if p.pixels is None else next(each)) for p in group]


class PredictorBase(FaceModel, ABC):
    """A model ready to estimate, whatever it is computed with.

    Args:
        name: what the model is called.
        face: how the faces it was trained on were cut.
        size: side of the face chips it takes, pixels.
        level: the share of faces that its intervals are meant to hold, if it is known.
        device: where it runs, a torch device or its name.
        scope: holds while its detector is looked up, so that a name means that of the model.

    Attributes:
        attributes: models that say more of each face, see `agekit.inference.attribute`.
    """

    def __init__(
        self,
        name: str,
        face: Alignment,
        size: int,
        level: float | None,
        device: Any,
        scope: Scope = nullcontext,
    ) -> None:
        super().__init__(name, face, size, device, scope)
        self.level = level
        self.attributes: Sequence[SaysMore] = ()

    @abstractmethod
    def estimate(self, chips: Sequence[Chip]) -> list[Face]:
        """The age of each chip."""

    def predict(
        self,
        images: ImageLike | Iterable[ImageLike],
        detect: bool | None = None,
        faces: WhichFaces = "all",
        *,
        batch_size: int = 64,
        boxes: Any = None,
        points: Any = None,
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
            boxes: of faces that another detector found, which are answered in their order: for
                each image (K, 4), x0, y0, x1, y1, pixels of the upright image, or None; of one
                image by itself, that alone. The points are looked for in each box; where none are
                found, the face is cut as it usually lies in a box, and its `points` are None.
            points: of such faces, with boxes or without: for each image (K, 5, 2), in the order of
                `agekit.faces.base.Detection`. They say how the faces are cut.

        Returns:
            One prediction an image, in order; one that cannot be read has its `error` set, and one
            without a face has none. A face that lies on its side or upside down is found where no
            upright one surely is, and is not `upright`.

        Raises:
            ConfigError: an argument is wrong, something is no image (before any is looked at, if
                they are in a list), or the model's detector is not installed.
        """
        options = {"batch_size": batch_size, "boxes": boxes, "points": points}
        return list(self.stream(images, detect, faces, **options))

    def stream(
        self,
        images: ImageLike | Iterable[ImageLike],
        detect: bool | None = None,
        faces: WhichFaces = "all",
        *,
        batch_size: int = 64,
        boxes: Any = None,
        points: Any = None,
    ) -> Iterator[Prediction]:
        """As `predict`, one after the other: holds a few photos in memory, however many come.

        Images are taken somewhat ahead of the predictions.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size={batch_size} is below 1")
        shown = self.faces_of(
            images, detect, faces, boxes=boxes, points=points, together=batch_size
        )
        return (answer for group in shown for answer in self._answer(group, batch_size))

    def _answer(self, group: Sequence[Seen], batch_size: int) -> Iterator[Prediction]:
        chips = [chip for _, those in group for chip in those]
        starts = range(0, len(chips), batch_size)
        ages = (face for k in starts for face in self.estimate(chips[k : k + batch_size]))
        if self.attributes:
            keys = [one.key for one in self.attributes]
            columns = [one.answers(group, batch_size) for one in self.attributes]
            more = (dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True))
            ages = (replace(face, more=row) for face, row in zip(ages, more, strict=True))
        for picture, those in group:
            faces = tuple(next(ages) for _ in those)
            told = next((chip.warning for chip in those if chip.warning), None)
            yield Prediction(picture.name, faces, picture.error, picture.source, told)


def _holding(pictures: Iterable[Picture], given: Iterable[GivenFaces]) -> Iterator[Picture]:
    """The pictures; of one that does not hold all of its faces, an error instead."""
    for picture, faces in zip_longest(pictures, given):
        if picture is None or faces is None:
            raise ConfigError("there are not as many images as lists of boxes or points")
        if picture.pixels is not None:
            height, width = picture.pixels.shape[:2]
            if outside := faces.outside(width, height):
                where = f"outside of its {width} x {height} pixels"
                error = f"{picture.name or 'image'}: face {outside[0]} of those given lies {where}"
                picture = replace(picture, pixels=None, error=error)
        yield picture


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
