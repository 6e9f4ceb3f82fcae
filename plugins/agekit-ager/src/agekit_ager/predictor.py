"""A loaded ager: photos in, the same photos with older or younger faces out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.images import ImageLike
from agekit.errors import ConfigError
from agekit.faces.align import cut, is_upright, known_points, similarity
from agekit.faces.base import Detection
from agekit.inference.chips import in_frame
from agekit.inference.face import Chip
from agekit.inference.inputs import Picture
from agekit.inference.model import FaceModel, WhichFaces
from agekit.zoo.folder import within_model
from agekit.zoo.index import default_model
from agekit_ager.config import AgerConfig
from agekit_ager.engine import AgingEngine, Wish
from agekit_ager.image import DIRECTIONS, AgedFace, AgedImage, Direction
from agekit_ager.paste import CutFace, paste
from agekit_ager.wishes import Target, targets

if TYPE_CHECKING:
    from agekit_ager.judges.base import Judge

__all__ = ["FaceAging"]

Pixels = NDArray[np.uint8]
To = str | float | Sequence[float] | None
Ages = Sequence[float | None]


class FaceAging(FaceModel):
    """An ager ready to use, the same whatever computes.

    Args:
        engine: what computes.
        name: what the model is called.
        face: how the faces it was trained on were cut.
        size: side of the face chips it takes, pixels.
        ways: the directions that it goes.
        ages: instead, the first and the last age it was trained on, years.
        config: of its folder; None of a file that was exported.
    """

    def __init__(
        self,
        engine: AgingEngine,
        name: str,
        face: Alignment,
        size: int,
        *,
        ways: Sequence[Direction] = DIRECTIONS,
        ages: tuple[float, float] | None = None,
        config: AgerConfig | None = None,
    ) -> None:
        scope = nullcontext if config is None else partial(within_model, config)
        super().__init__(name, face, size, engine.device, scope)
        self.engine = engine
        self.ways = ways
        self.ages = ages
        self.config = config

    @property
    def runtime(self) -> str:
        """What computes: ``torch`` or ``onnx``."""
        return self.engine.runtime

    def targets(self, to: To = None, by: float | None = None) -> tuple[list[Target], list[str]]:
        """What is asked of this ager, and what people should know of it; see `age`.

        Raises:
            ConfigError: it does not do that.
        """
        asked, notes = targets(self.name, self.ages, to, by)
        if self.ages is None and asked[0].direction not in self.ways:
            raise ConfigError(
                f"{self.name} goes to {self.ways[0]} alone",
                f"use --to {self.ways[0]}, or the file of the other direction",
            )
        return asked, notes

    def age(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: To = None,
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        by: float | None = None,
        boxes: Any = None,
        points: Any = None,
    ) -> list[AgedImage]:
        """Makes the faces in images older or younger.

        Args:
            images: as `agekit.inference.model.PredictorBase.predict` takes them.
            to: ``old`` (as None) or ``young``. Of an ager by age the age that faces are to look, in
                years, or several, which are as many results of each image; ``old`` is 65 there,
                ``young`` is 25.
            detect: whether the images are photos to find faces in and to put them back into, or
                face chips themselves; None decides by how the ager's own faces were cut.
            faces: of a photo, all of them or the largest alone.
            judge: says how old the faces look before and after. An estimator of faces from photos
                answers as it does for the photos themselves, before and after; others are shown
                chips as the ager takes them. An ager by age has to know how old faces are: without
                one it asks the zoo's default estimator.
            by: instead of `to`, how many years older, or younger, of an ager by age.
            boxes: of faces that another detector found, as `PredictorBase.predict` takes them.
            points: likewise.

        Returns:
            One for each image, or for each image and age, in order; one that cannot be read has
            its `error` set, and one without a face has nothing `after`.

        Raises:
            ConfigError: an argument is wrong, something is no image, the ager does not do what is
                asked, or the model's detector is not installed.
        """
        options: dict[str, Any] = {"by": by, "boxes": boxes, "points": points}
        return list(self.stream(images, to, detect, faces, judge, **options))

    def stream(
        self,
        images: ImageLike | Iterable[ImageLike],
        to: To = None,
        detect: bool | None = None,
        faces: WhichFaces = "all",
        judge: Judge | None = None,
        *,
        by: float | None = None,
        boxes: Any = None,
        points: Any = None,
    ) -> Iterator[AgedImage]:
        """As `age`, one after the other: holds a few photos in memory, however many come."""
        asked, _ = self.targets(to, by)
        if self.ages is not None and judge is None:
            from agekit_ager.judges.load import load_judges

            names = [default_model("estimator")]
            [judge] = load_judges(names, self.device, features=False)
        shown = self.faces_of(images, detect, faces, boxes=boxes, points=points)
        if judge is not None:
            judge.expect(self.face, "the ager's faces")
        answers = (self._answer(picture, chips, asked, judge) for [(picture, chips)] in shown)
        return (result for results in answers for result in results)

    def _answer(
        self,
        picture: Picture,
        chips: Sequence[Chip],
        asked: Sequence[Target],
        judge: Judge | None,
    ) -> Iterator[AgedImage]:
        seen = _Seen(self, picture, chips, judge) if picture.pixels is not None and chips else None
        for target in asked:
            if seen is None:
                yield AgedImage(
                    picture.name, picture.pixels, None, to=target.label, error=picture.error
                )
            else:
                yield seen.aged(target)


class _Seen:
    """An image whose faces are known, to be aged once or more."""

    def __init__(
        self, ager: FaceAging, picture: Picture, chips: Sequence[Chip], judge: Judge | None
    ) -> None:
        assert picture.pixels is not None
        self.ager, self.name, self.photo, self.judge = ager, picture.name, picture.pixels, judge
        self.chips = chips
        self.pixels = np.stack([chip.pixels for chip in chips])
        self.placed: list[Any] = [np.asarray(c.placed) for c in chips if c.placed is not None]
        self.now: Ages = [None] * len(chips)
        if ager.ages is not None:
            self.now = self._judged(self.photo, self.pixels)[0]

    def aged(self, target: Target) -> AgedImage:
        """The result for one target."""
        after = self.ager.engine.run(self.pixels, self._wish(target))
        unknown = [k for k, age in enumerate(self.now) if age is None]
        if self.ager.ages is not None:
            after[unknown] = self.pixels[unknown]
        warning = self.chips[0].warning
        if self.ager.ages is not None and unknown:
            warning = f"{len(unknown)} of its faces left as they are: the judge found no age"
        if not self.placed:
            whole = np.rint(after[0]).astype(np.uint8)
            ages = self._judged(whole, after)
            faces = tuple(map(AgedFace, [None], *ages)) if self.judge is not None else (AgedFace(),)
            return AgedImage(
                self.name, self.chips[0].pixels, whole, faces, target.label, warning=warning
            )
        frame = self.ager.finder.target * self.ager.size
        cuts = [
            CutFace(chip.pixels, face, similarity(at, frame))
            for chip, face, at in zip(self.chips, after, self.placed, strict=True)
        ]
        photo = paste(self.photo, cuts)
        faces = tuple(
            AgedFace(chip.box, before, now, chip.points and is_upright(at))
            for chip, at, before, now in zip(
                self.chips, self.placed, *self._judged(photo, after), strict=True
            )
        )
        return AgedImage(self.name, self.photo, photo, faces, target.label, warning=warning)

    def _wish(self, target: Target) -> Wish:
        if target.direction is not None:
            return target.direction
        now = [0.0 if age is None else age for age in self.now]
        wanted = [target.years(age) for age in now]
        return np.array(now, np.float32), np.array(wanted, np.float32)

    def _judged(self, photo: Pixels, after: NDArray[Any]) -> Sequence[Ages]:
        """How old the faces look before and after, in a photo or, of a chip, in itself."""
        judge, ager = self.judge, self.ager
        if judge is None:
            return [[None] * len(self.chips)] * 2
        if not self.placed:
            side = min(self.photo.shape[:2])
            large = in_frame(self.name, self.photo, known_points(ager.face), side)
            return _ages(judge, [large], [np.rint(after[0]).astype(np.uint8)])
        if judge.finds:
            seen = [
                Detection(np.array(chip.box), chip.score or 0.0, at)
                for chip, at in zip(self.chips, self.placed, strict=True)
            ]
            return judge.in_photo(self.photo, photo, seen)
        again = [cut(photo, at, ager.finder.target, ager.size) for at in self.placed]
        return _ages(judge, [chip.pixels for chip in self.chips], again)


def _ages(
    judge: Judge, before: Sequence[Pixels], after: Sequence[Pixels]
) -> list[list[float | None]]:
    """How old faces look before and after, years; None where the judge finds none."""
    years = [judge.predict(np.stack(chips)).age.tolist() for chips in (before, after)]
    return [[None if math.isnan(age) else age for age in ages] for ages in years]
