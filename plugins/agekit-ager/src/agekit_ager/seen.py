"""The faces of one image, seen once and aged once or more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.faces.align import cut, is_upright, known_points, similarity
from agekit.faces.base import Detection
from agekit.inference.chips import in_frame
from agekit.inference.face import Chip
from agekit.inference.inputs import Picture
from agekit_ager.engine import Wish
from agekit_ager.image import AgedFace, AgedImage
from agekit_ager.paste import CutFace, paste
from agekit_ager.wishes import Target

if TYPE_CHECKING:
    from agekit_ager.judges.base import Judge
    from agekit_ager.predictor import FaceAging

__all__ = ["SeenFaces"]

Pixels = NDArray[np.uint8]
Ages = Sequence[float | None]


class SeenFaces:
    """An image whose faces are known, to be aged once or more."""

    def __init__(
        self, ager: FaceAging, picture: Picture, chips: Sequence[Chip], judge: Judge | None
    ) -> None:
        assert picture.pixels is not None
        self.ager, self.name, self.photo, self.judge = ager, picture.name, picture.pixels, judge
        self.chips = chips
        self.pixels = np.stack([chip.pixels for chip in chips])
        self.placed: list[Any] = [np.asarray(c.placed) for c in chips if c.placed is not None]
        frame = ager.finder.target * ager.size if self.placed else np.empty((5, 2))
        self.there = [similarity(at, frame) for at in self.placed]
        self.now: Ages = [None] * len(chips)
        if ager.ages is not None:
            self.now = self._judged(self.photo, self.pixels)[0]
        self.unknown = [k for k, age in enumerate(self.now) if age is None]

    def made(self, target: Target) -> tuple[NDArray[np.float32], Pixels]:
        """The faces of one target, and the photo or the chip with them."""
        after, moved = self.ager.engine.run(self.pixels, self._wish(target))
        if self.ager.ages is not None:
            after[self.unknown] = self.pixels[self.unknown]
            if moved is not None:
                moved[self.unknown] = 0
        if not self.placed:
            return after, np.rint(after[0]).astype(np.uint8)
        cuts = [
            CutFace(chip.pixels, face, there, by)
            for chip, face, there, by in zip(
                self.chips,
                after,
                self.there,
                [None] * len(after) if moved is None else moved,
                strict=True,
            )
        ]
        return after, paste(self.photo, cuts)

    def aged(self, target: Target) -> AgedImage:
        """The result for one target."""
        after, photo = self.made(target)
        warning = self.chips[0].warning
        if self.ager.ages is not None and self.unknown:
            warning = f"{len(self.unknown)} of its faces left as they are: the judge found no age"
        ages = zip(*self._judged(photo, after), strict=True)
        wanted = [
            None if now is None or target.direction else target.years(now) for now in self.now
        ]
        if not self.placed:
            [(before, now)] = ages
            faces: tuple[AgedFace, ...] = (AgedFace(None, before, now, wanted=wanted[0]),)
            return AgedImage(
                self.name, self.chips[0].pixels, photo, faces, target.label, warning=warning
            )
        faces = tuple(
            AgedFace(
                chip.box,
                before,
                now,
                None if chip.points is None else is_upright(at),
                age,
                float(np.linalg.norm(there[:, 0])),
            )
            for chip, at, there, age, (before, now) in zip(
                self.chips, self.placed, self.there, wanted, ages, strict=True
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
