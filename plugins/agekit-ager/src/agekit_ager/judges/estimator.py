"""An age estimator as a judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.images import ImageLike, decode_image
from agekit.errors import DataError
from agekit.faces.align import cut, differ, known_points, reframing
from agekit.faces.base import Detection
from agekit.faces.framing import MIN_FACE
from agekit.inference.finder import FaceFinder
from agekit_ager.judges.base import Judge, Verdict
from agekit_ager.judges.padding import enlarge, padded

__all__ = ["Estimate", "EstimatorJudge"]

Pixels = NDArray[np.uint8]
Estimate = Callable[[Pixels], tuple[NDArray[np.float64], NDArray[np.float32] | None]]
"""From chips (N, S, S, 3) to ages (N,) and, of what sees any, features (N, F)."""


class EstimatorJudge(Judge):
    """Estimates ages, whatever computes them.

    Args:
        name: what the results call it.
        estimate: of chips in its own frame.
        size: side of the chips it takes, pixels.
        finder: finds the faces of photos, and that of each chip whose alignment is not known; None
            takes such chips as they are, and finds a face in every one.
        points: (5, 2) where the points lie in the faces it was trained on, shares of the side; None
            if that is not known.
        features: how many `estimate` gives of a face.
    """

    def __init__(
        self,
        name: str,
        estimate: Estimate,
        *,
        size: int,
        finder: FaceFinder | None = None,
        points: NDArray[np.float64] | None = None,
        features: int = 0,
    ) -> None:
        self.name = name
        self.estimate = estimate
        self.size = size
        self.finder = finder
        self.points = points
        self.features = features
        self._have: NDArray[np.float64] | None = None
        self._detector = ""

    @property
    def finds(self) -> bool:
        """Whether it was trained on faces that were cut from photos."""
        return self.finder is not None

    def in_photo(
        self, before: Pixels, after: Pixels, faces: Sequence[Detection]
    ) -> list[list[float | None]]:
        """The ages that a prediction gives, of the faces nearest to those given.

        Of the photo as it was, they are looked for anew only where another detector has found
        those; of the other one always. There a face that is not found is where it was.
        """
        assert self.finder is not None
        same = self.finder.face.detector == self._detector
        own = list(faces) if same else self.finder.detect([before])[0]
        later = own if after is before else self.finder.detect([after])[0]
        ages: list[list[float | None]] = [[None] * len(faces), [None] * len(faces)]
        seen: list[Pixels] = []
        found: list[int] = []
        for k, face in enumerate(faces):
            mine = face if same else _nearest(face, own)
            if mine is not None:
                with suppress(DataError):
                    now = _nearest(mine, later) or mine
                    both = [
                        cut(photo, face.points, self.finder.target, self.size)
                        for photo, face in ((before, mine), (after, now))
                    ]
                    seen += both
                    found.append(k)
        if found:
            years, _ = self.estimate(np.stack(seen))
            for k, age in zip(found, years.reshape(-1, 2).tolist(), strict=True):
                ages[0][k], ages[1][k] = age
        return ages

    def expect(self, face: Alignment, what: str) -> str | None:
        """Cuts what it will be shown to its own frame, where both are known."""
        self._detector = face.detector if face.align == "five-points" else ""
        self._have = None if self.points is None else known_points(face)
        if self.points is None:
            return (
                f"the judge {self.name} does not say where the eyes, nose and mouth lie in the "
                f"faces it was trained on: {what} are shown to it as they are"
            )
        if self._have is None or not differ(self._have, self.points):
            return None
        return reframing(self._have, self.points, what, f"the judge {self.name}")

    def predict(self, chips: Pixels | ImageLike | Iterable[ImageLike]) -> Verdict:
        """Ages, and features where it sees any; no genders."""
        if not isinstance(chips, np.ndarray) or chips.ndim != 4:
            return self.see(chips)
        faces = self._faces(chips)
        found = np.array([face is not None for face in faces], bool)
        age = np.full(len(chips), np.nan)
        features = np.full((len(chips), self.features), np.nan, np.float32)
        seen = [face for face in faces if face is not None]
        if seen:
            age[found], own = self.estimate(np.stack(seen))
            if own is not None:
                features[found] = own
        return Verdict(age, features=features if self.features else None)

    def _faces(self, chips: Pixels) -> list[Pixels | None]:
        if self._have is not None and self.points is not None and differ(self._have, self.points):
            at = self._have * chips.shape[1]
            return [cut(chip, at, self.points, self.size) for chip in chips]
        if self._have is not None or self.finder is None or self.points is None:
            return [decode_image(chip, self.size) for chip in chips]
        large = [enlarge(chip) for chip in chips]
        roomy = [padded(chip) for chip in large]
        least = MIN_FACE * len(large[0])
        detections = self.finder.detector.detect([image for image, _ in roomy], min_face=least)
        out: list[Pixels | None] = [None] * len(chips)
        for i, (chip, (_, pad), faces) in enumerate(zip(large, roomy, detections, strict=True)):
            with suppress(DataError):
                if faces:
                    out[i] = cut(chip, faces[0].points - pad, self.points, self.size)
        return out


def _nearest(face: Detection, others: Sequence[Detection]) -> Detection | None:
    """The same face as another detector finds it: the nearest one whose middle is in its box."""
    middle = face.points.mean(0)

    def away(other: Detection) -> float:
        return float(np.linalg.norm(other.points.mean(0) - middle))

    near = min(others, key=away, default=None)
    if near is None:
        return None
    x, y = near.points.mean(0)
    x0, y0, x1, y1 = face.box
    return near if x0 <= x <= x1 and y0 <= y <= y1 else None
