"""What an estimator sees in faces, beside their ages, by torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.augment import normalise
from agekit.tasks.estimator.base import Head
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

__all__ = ["WithFeatures"]


class WithFeatures:
    """Estimates ages, and gives the features of the backbone; see `Estimate`.

    Args:
        network: in evaluation mode, on its device.
        image: how its pixels are normalised.
    """

    def __init__(self, network: AgeEstimator, image: ImageConfig) -> None:
        self.network = network
        heads = (head for head in network.heads.values() if isinstance(head, Head))
        self.length = next(heads).in_features
        self.crop_pct = image.crop_pct
        self.device = next(network.parameters()).device
        self._mean = torch.tensor(image.mean, device=self.device)
        self._std = torch.tensor(image.std, device=self.device)

    @torch.no_grad()
    def __call__(
        self, faces: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
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
