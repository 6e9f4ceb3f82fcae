"""The faces of one image, seen once and aged once or more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agekit.faces.align import cut, is_upright, known_points, similarity
from agekit.faces.base import Detection
from agekit.inference.chips import in_frame
from agekit.inference.face import Chip
from agekit.inference.inputs import Picture
from agekit_ager.engine import AgedChips
from agekit_ager.image import AgedFace, AgedImage
from agekit_ager.passage import between
from agekit_ager.paste import CutFace, paste
from agekit_ager.steering import Steering
from agekit_ager.wishes import Target

if TYPE_CHECKING:
    from agekit_ager.judges.base import Judge
    from agekit_ager.predictor import FaceAging

__all__ = ["SeenFaces"]

Pixels = NDArray[np.uint8]
Ages = Sequence[float | None]
Years = NDArray[np.float32]


class SeenFaces:
    """An image whose faces are known, to be aged once or more."""

    def __init__(
        self,
        ager: FaceAging,
        picture: Picture,
        chips: Sequence[Chip],
        judge: Judge | None,
        steering: Steering | None,
    ) -> None:
        assert picture.pixels is not None
        self.steering = steering
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
        self._now = np.array([age or 0.0 for age in self.now], np.float32)

    def passage(self, targets: Sequence[Target], count: int) -> Iterator[Pixels]:
        """The photo or the chip as the years pass, through all targets.

        Of one target they pass from how old each face looks.

        Args:
            targets: of an ager by age.
            count: how many pictures.
        """
        knots = [self._made(target)[1] for target in targets]
        if len(knots) == 1:
            knots.insert(0, self._now)
        for told in between(np.stack(knots), count):
            yield self._shown(self._run(self.pixels, self._now, told))[1]

    def _made(self, target: Target) -> tuple[AgedChips, Years]:
        """The faces of one target, and the ages that the ager was told, NaN of directions."""
        if target.direction is not None:
            run = self.ager.engine.run(self.pixels, target.direction)
            return run, np.full(len(self.chips), np.nan, np.float32)
        wanted = self._wanted(target)
        if self.steering is None:
            return self._run(self.pixels, self._now, wanted), wanted
        return self.steering(self._run, self.pixels, self._now, wanted)

    def _wanted(self, target: Target) -> Years:
        return np.array([target.years(age) for age in self._now.tolist()], np.float32)

    def _known(self, target: Target, years: Years) -> Ages:
        """None of a direction, and of faces of no known age."""
        known = zip(self.now, years.tolist(), strict=True)
        return [None if now is None or target.direction else age for now, age in known]

    def _run(self, pixels: Pixels, now: Years, told: Years) -> AgedChips:
        return self.ager.engine.run(pixels, (now, told))

    def _shown(self, made: AgedChips) -> tuple[NDArray[np.float32], Pixels]:
        """The faces, those of no known age left as they are, and the photo or the chip of them."""
        after, moved = made
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
        made, told = self._made(target)
        after, photo = self._shown(made)
        warning = self.chips[0].warning
        if self.ager.ages is not None and self.unknown:
            warning = f"{len(self.unknown)} of its faces left as they are: the judge found no age"
        ages = zip(*self._judged(photo, after), strict=True)
        wanted, asked = self._known(target, self._wanted(target)), self._known(target, told)
        if not self.placed:
            [(before, now)] = ages
            one = AgedFace(None, before, now, wanted=wanted[0], told=asked[0])
            faces: tuple[AgedFace, ...] = (one,)
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
                own,
            )
            for chip, at, there, age, own, (before, now) in zip(
                self.chips, self.placed, self.there, wanted, asked, ages, strict=True
            )
        )
        return AgedImage(self.name, self.photo, photo, faces, target.label, warning=warning)

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
