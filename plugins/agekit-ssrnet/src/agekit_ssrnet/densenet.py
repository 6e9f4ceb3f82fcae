"""The DenseNet that SSR-Net is compared with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit_ssrnet.keras import initialise, norm

__all__ = ["DenseNet"]

GROWTH = 12


def _norm(channels: int, momentum: float) -> list[nn.Module]:
    return [norm(channels, momentum, eps=1.1e-5), nn.ReLU()]


class _Dense(nn.Module):
    """A map with the growth of one layer beside it."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels, GROWTH, 3, padding=1, bias=False)
        self.grow = nn.Sequential(*_norm(channels, momentum), convolution)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.grow(x)], 1)


class DenseNet(nn.Module):
    """Images (N, 3, S, S) to features (N, 32): the baseline of SSR-Net's table.

    DenseNet (arXiv 1608.06993) of three blocks of ``(depth - 4) / 3`` layers and a growth of 12,
    without bottlenecks, pooled over the whole map, then fully connected layers of 128 and 32.

    Args:
        depth: 3 n + 4; 13 or 19 there.
        momentum: the share of a new batch in the statistics of the normalisations.
    """

    def __init__(self, *, depth: int = 19, momentum: float = 0.01) -> None:
        super().__init__()
        if depth < 7 or (depth - 4) % 3:
            raise ConfigError(f"densenet-ssr: depth must be 7, 10, 13, 16, ... (got {depth})")
        channels = 2 * GROWTH
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
        for block in range(3):
            if block:
                transition = nn.Conv2d(channels, channels, 1, bias=False)
                layers += [*_norm(channels, momentum), transition, nn.AvgPool2d(2)]
            for _ in range((depth - 4) // 3):
                layers.append(_Dense(channels, momentum))
                channels += GROWTH
        layers += [*_norm(channels, momentum), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        layers += [nn.Linear(channels, 128), nn.ReLU(), nn.Dropout(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(128, 32), nn.ReLU())
        initialise(self)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                std = math.sqrt(2 / module.weight[0].numel())
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)

    def forward(self, images: Tensor) -> Tensor:
        """Images to features."""
        features: Tensor = self.layers(images)
        return features
