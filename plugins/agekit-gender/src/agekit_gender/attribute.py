"""The gender of faces, beside their ages."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.plugin import Answer, FaceAttribute, normalise
from agekit_gender.config import GenderConfig
from agekit_gender.model import GenderClassifier

__all__ = ["GenderAttribute"]


class GenderAttribute(FaceAttribute):
    """The more probable gender, and how probable each is."""

    network: GenderClassifier
    config: GenderConfig

    @torch.no_grad()
    def answer(self, chips: NDArray[np.uint8]) -> list[Answer]:
        """One answer a face."""
        image, device = self.config.image, self.device
        mean, std = (torch.tensor(value, device=device) for value in (image.mean, image.std))
        pixels = torch.from_numpy(chips).to(device)
        batch = normalise(pixels, mean, std, crop_pct=image.crop_pct)
        return [_answer(female) for female in self.network.female(batch).cpu().tolist()]


def _answer(female: float) -> Answer:
    label = "female" if female >= 0.5 else "male"
    share = max(female, 1 - female)
    value: dict[str, Any] = {
        "label": label,
        "p": {"male": round(1 - female, 4), "female": round(female, 4)},
    }
    return Answer(value, label, f"{label} ({share:.0%})")
