"""Estimators as they are exported: pixels in, ages out, everything between inside the graph."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from agekit.onnx.card import OnnxGraph
from agekit.tasks.estimator.build import load_estimator
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.config import ImageConfig

__all__ = ["PixelAges", "PixelGraph", "embedding_graphs", "graphs", "middle"]

OUTPUTS = {
    "age": "float32 (N,), years",
    "low": "float32 (N,), years, the lower end of the calibrated interval",
    "high": "float32 (N,), years, its upper end",
}
TOLERANCE = {"age": 5e-3, "low": 1e-2, "high": 1e-2, "distribution": 1e-4, "embedding": 1e-3}
"""The most that an output may differ from torch's: years, a share. A median and the ends of an
interval lie
where a millionth of the probability may be a hundredth of a year."""


def embedding_graphs(folder: Path) -> list[OnnxGraph]:
    """As `graphs`, with the pooled features as an output too."""
    return graphs(folder, embeddings=True)


def graphs(folder: Path, *, embeddings: bool = False) -> list[OnnxGraph]:
    """The graph of an estimator.

    Args:
        folder: of the model.
        embeddings: whether to give the pooled features, which its heads make ages of.

    Raises:
        ModelError: it is damaged.
    """
    network, config = load_estimator(folder)
    low, high = config.ages
    module = PixelAges(network, config.image, embeddings=embeddings).eval()
    outputs = dict(OUTPUTS)
    size = config.image.size
    with torch.no_grad():
        made = module(torch.zeros((1, size, size, 3), dtype=torch.uint8))
    if len(made) > len(outputs) + embeddings:
        outputs["distribution"] = (
            f"float32 (N, {high - low + 1}), probabilities over the label ages"
        )
    if embeddings:
        outputs["embedding"] = f"float32 (N, {made[-1].shape[1]}), the pooled features"
    about = {"ages": config.ages, "rule": config.rule, "level": config.interval.level}
    inside = PixelGraph.inside(config.image, mirror=config.mirror)
    return [OnnxGraph(module, outputs, TOLERANCE, "years", inside, about, half=0.25)]


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


class PixelGraph(nn.Module):
    """A network that is shown pixels, as they are exported: what normalises them is inside.

    Args:
        network: in evaluation mode.
        image: how it is shown faces.
    """

    window: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, image: ImageConfig) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.contiguous_format)
        self.cropped = image.crop_pct < 1
        mean, std = torch.tensor(image.mean), torch.tensor(image.std)
        self.register_buffer("window", middle(image.size, image.crop_pct))
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1))
        self.register_buffer("shift", (mean / std).view(3, 1, 1))

    @staticmethod
    def inside(image: ImageConfig, *, mirror: bool) -> str:
        """The steps done to the pixels, in words, for `OnnxGraph.inside`."""
        keep = "" if image.crop_pct == 1 else f"the middle {image.crop_pct:g}, scaled up; "
        twice = "; the mean over the face and its mirror image" if mirror else ""
        return f"{keep}RGB in 0-1 less {list(image.mean)}, over {list(image.std)}{twice}"

    def images(self, pixels: Tensor) -> Tensor:
        """Pixels (N, S, S, 3) uint8 to what the network takes, (N, 3, S, S)."""
        images = pixels.permute(0, 3, 1, 2).float()
        if self.cropped:
            images = self.window @ images @ self.window.T
        return images * self.scale - self.shift


class PixelAges(PixelGraph):
    """An estimator from pixels to ages.

    Args:
        network: in evaluation mode.
        image: how it is shown faces.
        embeddings: whether to give the features too.
    """

    network: AgeEstimator

    def __init__(
        self, network: AgeEstimator, image: ImageConfig, *, embeddings: bool = False
    ) -> None:
        super().__init__(network, image)
        self.embeddings = embeddings

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 to age, low, high (N,), and p (N, K) and features (N, F)."""
        raw, features = self._look(self.images(pixels))
        found = self.network.estimate(raw)
        more = [features] if self.embeddings else []
        if found.distribution is not None:
            more.insert(0, found.distribution)
        return (found.age, found.low, found.high, *more)

    def _look(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """As `AgeEstimator.forward_tta`, the faces and their mirror images in one batch."""
        n = images.shape[0]
        if self.network.mirror:
            images = torch.cat([images, images.flip(-1)])
        raw, features = self.network(images, with_features=True)
        if self.network.mirror:
            raw = {name: (value[:n] + value[n:]) / 2 for name, value in raw.items()}
            features = (features[:n] + features[n:]) / 2
        return raw, features
