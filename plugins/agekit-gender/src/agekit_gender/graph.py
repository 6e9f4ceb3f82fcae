"""Gender classifiers as they are exported: pixels in, probabilities out."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from agekit.plugin import OnnxGraph, PixelGraph, load_network
from agekit_gender.model import GenderClassifier

__all__ = ["PixelGender", "graphs"]

OUTPUTS = {"female": "float32 (N,), the probability of each face being a woman's"}
TOLERANCE = {"female": 1e-4}


def graphs(folder: Path) -> list[OnnxGraph]:
    """The graph of a classifier.

    Args:
        folder: of the model.

    Raises:
        ModelError: it is damaged.
    """
    network, config = load_network(folder, task="gender")
    module = PixelGender(network, config.image).eval()
    inside = PixelGender.inside(config.image, mirror=True)
    return [OnnxGraph(module, OUTPUTS, TOLERANCE, "of a probability", inside, {})]


class PixelGender(PixelGraph):
    """A classifier from pixels to probabilities."""

    network: GenderClassifier

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """Pixels (N, S, S, 3) uint8 to the probability of each face being a woman's, (N,)."""
        return (self.network.female(self.images(pixels)),)
