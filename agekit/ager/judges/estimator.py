"""An age estimator as a judge."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.ager.judges.base import Judge, Verdict
from agekit.ager.judges.room import enlarge, with_room
from agekit.data.augment import normalise
from agekit.data.decode import decode_image
from agekit.errors import DataError
from agekit.estimator.base import Head
from agekit.estimator.model import AgeEstimator
from agekit.faces.align import cut
from agekit.faces.base import Detector
from agekit.faces.framing import MIN_FACE

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
        detector: finds the face in each chip, which is then cut as the estimator knows faces; None
            takes the chips as they are, and finds a face in every one.
        points: (5, 2) where the points of a found face come to lie, shares of the chip's side.
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
        detector: Detector | None = None,
        points: NDArray[np.floating] | None = None,
    ) -> None:
        self.name = name
        self.network = network
        self.size = size
        self.crop_pct = crop_pct
        self.detector = detector
        self.points = points
        self.device = next(network.parameters()).device
        self._mean = torch.tensor(mean, device=self.device)
        self._std = torch.tensor(std, device=self.device)
        heads = (head for head in network.heads.values() if isinstance(head, Head))
        self._length = next(heads).in_features

    def look(self, chips: NDArray[np.uint8]) -> Verdict:
        """Ages and features; no genders."""
        faces = self._faces(chips)
        found = np.array([face is not None for face in faces], bool)
        age = np.full(len(chips), np.nan)
        features = np.full((len(chips), self._length), np.nan, np.float32)
        if found.any():
            seen = np.stack([face for face in faces if face is not None])
            age[found], features[found] = self._estimate(seen)
        return Verdict(age, features=features)

    def _faces(self, chips: NDArray[np.uint8]) -> list[NDArray[np.uint8] | None]:
        if self.detector is None or self.points is None:
            return [decode_image(chip, self.size) for chip in chips]
        large = [enlarge(chip) for chip in chips]
        roomy = [with_room(chip) for chip in large]
        least = MIN_FACE * len(large[0])
        detections = self.detector.detect([image for image, _ in roomy], min_face=least)
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
            age = self.network.estimate(self.network.look(images)).age
        finally:
            hook.remove()
        features = torch.stack(seen).float().mean(0)
        return age.double().cpu().numpy(), features.cpu().numpy()
