"""OR-CNN's own small network (Niu et al., CVPR 2016)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from agekit.errors import ConfigError

__all__ = ["OrCnn"]


class OrCnn(nn.Module):
    """Images of 60 x 60 pixels (N, 3, 60, 60) to features (N, 80); 435 thousand parameters.

    Convolutions of 20 filters at 5 x 5, 40 at 7 x 7 and 80 at 11 x 11, the first two each followed
    by a 2 x 2 maximum, then a fully connected layer of 80. The maps are 56, 28, 22, 11 and 1 pixel
    wide; those of larger images are averaged to 1 before the last layer.

    Args:
        norm: ``batch`` normalises each convolution's output, after its ReLU; ``none`` does not.
    """

    def __init__(self, *, norm: Literal["batch", "none"] = "batch") -> None:
        super().__init__()
        if norm not in ("batch", "none"):
            raise ConfigError(f"or-cnn: norm must be 'batch' or 'none' (got {norm!r})")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        inside = 3
        for number, (filters, kernel) in enumerate(((20, 5), (40, 7), (80, 11)), 1):
            layers[f"conv{number}"] = nn.Conv2d(inside, filters, kernel)
            layers[f"relu{number}"] = nn.ReLU()
            if norm == "batch":
                layers[f"norm{number}"] = nn.BatchNorm2d(filters)
            if number < 3:
                layers[f"pool{number}"] = nn.MaxPool2d(2)
            inside = filters
        layers["mean"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["fc"] = nn.Linear(80, 80)
        self.layers = nn.Sequential(layers)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), H and W at least 60, to features (N, 80)."""
        features: Tensor = self.layers(images)
        return features
