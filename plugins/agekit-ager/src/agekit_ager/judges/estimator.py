"""An age estimator as a judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.alignment import Alignment
from agekit.data.augment import normalise
from agekit.data.images import ImageLike, decode_image
from agekit.errors import DataError
from agekit.faces.align import cut, differ, known_points, reframing
from agekit.faces.base import Detection
from agekit.faces.framing import MIN_FACE
from agekit.inference.finder import FaceFinder
from agekit.tasks.estimator.base import Head
from agekit.tasks.estimator.model import AgeEstimator
from agekit_ager.judges.base import Judge, Verdict
from agekit_ager.judges.padding import enlarge, padded

__all__ = ["EstimatorJudge"]


class EstimatorJudge(Judge):
    """Estimates ages, and gives the features that its backbone sees.

    Args:
        name: what the results call it.
        network: in evaluation mode, on its device.
        size: side of the chips it takes, pixels.
        mean: (3,) of RGB from 0 to 1.
        std: (3,) likewise.
        crop_pct: the share of a chip's side it looks at.
        finder: finds the faces of photos, and that of each chip whose alignment is not known; None
            takes such chips as they are, and finds a face in every one.
        points: (5, 2) where the points lie in the faces it was trained on, shares of the side; None
            if that is not known.
    """

    def __init__(
        self,
        name: str,
        network: AgeEstimator,
        *,
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
        crop_pct: float = 1.0,
        finder: FaceFinder | None = None,
        points: NDArray[np.float64] | None = None,
    ) -> None:
        self.name = name
        self.network = network
        self.size = size
        self.crop_pct = crop_pct
        self.finder = finder
        self.points = points
        self._have: NDArray[np.float64] | None = None
        self.device = next(network.parameters()).device
        self._mean = torch.tensor(mean, device=self.device)
        self._std = torch.tensor(std, device=self.device)
        heads = (head for head in network.heads.values() if isinstance(head, Head))
        self._length = next(heads).in_features

    @property
    def finds(self) -> bool:
        """Whether it was trained on faces that were cut from photos."""
        return self.finder is not None

    def in_photo(
        self, before: NDArray[np.uint8], after: NDArray[np.uint8], faces: Sequence[Detection]
    ) -> list[list[float | None]]:
        """The ages that a prediction gives, of the faces nearest to those given."""
        assert self.finder is not None
        own = self.finder.detect([before])[0]
        ages: list[list[float | None]] = [[None] * len(faces), [None] * len(faces)]
        seen: list[NDArray[np.uint8]] = []
        found: list[int] = []
        for k, face in enumerate(faces):
            mine = _nearest(face, own)
            if mine is not None:
                with suppress(DataError):
                    both = [
                        cut(photo, mine.points, self.finder.target, self.size)
                        for photo in (before, after)
                    ]
                    seen += both
                    found.append(k)
        if found:
            years, _ = self._estimate(np.stack(seen))
            for k, age in zip(found, years.reshape(-1, 2).tolist(), strict=True):
                ages[0][k], ages[1][k] = age
        return ages

    def expect(self, face: Alignment, what: str) -> str | None:
        """Cuts what it will be shown to its own frame, where both are known."""
        self._have = None if self.points is None else known_points(face)
        if self.points is None:
            return (
                f"the judge {self.name} does not say where the eyes, nose and mouth lie in the "
                f"faces it was trained on: {what} are shown to it as they are"
            )
        if self._have is None or not differ(self._have, self.points):
            return None
        return reframing(self._have, self.points, what, f"the judge {self.name}")

    def predict(self, chips: NDArray[np.uint8] | ImageLike | Iterable[ImageLike]) -> Verdict:
        """Ages and features; no genders."""
        if not isinstance(chips, np.ndarray) or chips.ndim != 4:
            return self.see(chips)
        faces = self._faces(chips)
        found = np.array([face is not None for face in faces], bool)
        age = np.full(len(chips), np.nan)
        features = np.full((len(chips), self._length), np.nan, np.float32)
        if found.any():
            seen = np.stack([face for face in faces if face is not None])
            age[found], features[found] = self._estimate(seen)
        return Verdict(age, features=features)

    def _faces(self, chips: NDArray[np.uint8]) -> list[NDArray[np.uint8] | None]:
        if self._have is not None and self.points is not None and differ(self._have, self.points):
            at = self._have * chips.shape[1]
            return [cut(chip, at, self.points, self.size) for chip in chips]
        if self._have is not None or self.finder is None or self.points is None:
            return [decode_image(chip, self.size) for chip in chips]
        large = [enlarge(chip) for chip in chips]
        roomy = [padded(chip) for chip in large]
        least = MIN_FACE * len(large[0])
        detections = self.finder.detector.detect([image for image, _ in roomy], min_face=least)
        out: list[NDArray[np.uint8] | None] = [None] * len(chips)
        for i, (chip, (_, pad), faces) in enumerate(zip(large, roomy, detections, strict=True)):
            with suppress(DataError):
                if faces:
                    out[i] = cut(chip, faces[0].points - pad, self.points, self.size)
        return out

    @torch.no_grad()
    def _estimate(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Ages (N,) and features (N, F), of face and mirror image where it sees both."""
        seen: list[Tensor] = []
        pixels = torch.from_numpy(faces).to(self.device)
        images = normalise(pixels, self._mean, self._std, crop_pct=self.crop_pct)
        hook = self.network.backbone.register_forward_hook(lambda _, __, out: seen.append(out))
        try:
            age = self.network.estimate(self.network.forward_tta(images)).age
        finally:
            hook.remove()
        features = torch.stack(seen).float().mean(0)
        return age.double().cpu().numpy(), features.cpu().numpy()


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
