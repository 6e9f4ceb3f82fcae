"""Estimators by torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.data.augment import normalise
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

__all__ = ["TorchAges"]


class TorchAges:
    """An estimator by torch; see `agekit.inference.engine.AgeEngine`.

    Args:
        network: in evaluation mode, on its device.
        image: how it is shown faces.
    """

    runtime = "torch"

    def __init__(self, network: AgeEstimator, image: ImageConfig) -> None:
        self.device = next(network.parameters()).device
        self.network = network
        self._crop_pct = image.crop_pct
        self._mean = torch.tensor(image.mean, device=self.device)
        self._std = torch.tensor(image.std, device=self.device)

    @torch.no_grad()
    def run(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """See `agekit.inference.engine.AgeEngine.run`."""
        batch = normalise(
            torch.from_numpy(pixels).to(self.device),
            self._mean,
            self._std,
            crop_pct=self._crop_pct,
        )
        estimate = self.network.estimate(self.network.forward_tta(batch))
        found = (estimate.age, estimate.low, estimate.high, estimate.distribution)
        return [one.cpu().numpy() for one in found if one is not None]
