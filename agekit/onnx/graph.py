"""Models as they are exported: pixels in, answers out, everything between inside the graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.onnx.card import Direction
from agekit.tasks.ager.model import FaceAger
from agekit.tasks.ager.pairs import to_network, to_pixels
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

__all__ = ["AgedPixels", "PixelAges", "middle"]


def middle(size: int, crop_pct: float) -> Tensor:
    """The bilinear weights (S, S) that take the middle share of a side and scale it back to S.

    Row i holds the weights of the input's pixels in pixel i of the output, as
    `agekit.data.augment.crop` has them.

    Args:
        size: S.
        crop_pct: the share that is kept, 0 to 1.
    """
    centres = torch.arange(size, dtype=torch.float64) + 0.5
    at = (size * (1 - crop_pct) / 2 + crop_pct * centres).clamp(0.5, size - 0.5)
    return (1 - (at[:, None] - centres).abs()).clamp(min=0).float()


class PixelAges(nn.Module):
    """An estimator from pixels to ages.

    Args:
        network: in evaluation mode.
        image: how it is shown faces.
    """

    window: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, network: AgeEstimator, image: ImageConfig) -> None:
        super().__init__()
        self.network = network
        self.cropped = image.crop_pct < 1
        mean, std = torch.tensor(image.mean), torch.tensor(image.std)
        self.register_buffer("window", middle(image.size, image.crop_pct))
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1))
        self.register_buffer("shift", (mean / std).view(3, 1, 1))

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 to age, low, high (N,) and, where there is one, p (N, K)."""
        images = pixels.permute(0, 3, 1, 2).float()
        if self.cropped:
            images = self.window @ images @ self.window.T
        raw = self._look(images * self.scale - self.shift)
        found = self.network.estimate(raw)
        ages = (found.age, found.low, found.high)
        return ages if found.distribution is None else (*ages, found.distribution)

    def _look(self, images: Tensor) -> dict[str, Tensor]:
        """As `AgeEstimator.look`, the faces and their mirror images in one batch."""
        if not self.network.mirror:
            raw: dict[str, Tensor] = self.network(images)
            return raw
        both: dict[str, Tensor] = self.network(torch.cat([images, images.flip(-1)]))
        n = images.shape[0]
        return {name: (value[:n] + value[n:]) / 2 for name, value in both.items()}


class AgedPixels(nn.Module):
    """An ager in one direction, from pixels to pixels.

    Args:
        ager: in evaluation mode.
        to: which way.
    """

    def __init__(self, ager: FaceAger, to: Direction) -> None:
        super().__init__()
        self.generator = ager.old if to == "old" else ager.young

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 to the same, aged."""
        return (to_pixels(self.generator(to_network(pixels))),)
