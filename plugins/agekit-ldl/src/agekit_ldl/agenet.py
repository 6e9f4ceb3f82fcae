"""DLDL-v2's own networks: VGG16 without its fully connected layers, thinner (Gao et al., 2018)."""

from __future__ import annotations

from timm.layers import ConvNormAct  # type: ignore[attr-defined]
from torch import nn

__all__ = ["thinagenet", "tinyagenet"]

_STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))
"""VGG16's five stages: convolutions, and their width in widths of the first."""


def _agenet(width: int) -> nn.Sequential:
    """VGG16's convolutions with batch normalisation, from `width` channels to 8 times as many.

    The end is the paper's hybrid pooling: the fifth maximum over 2x2, then the average of what is
    left, 7x7 at 224 pixels. Maxima round up, so that images from 16 pixels on are taken.
    """
    layers: list[nn.Module] = []
    channels = 3
    for depth, times in _STAGES:
        for _ in range(depth):
            layers.append(ConvNormAct(channels, times * width, 3))
            channels = times * width
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def tinyagenet() -> nn.Sequential:
    """TinyAgeNet, a quarter of VGG16's width: features (N, 128); 0.9 M parameters."""
    return _agenet(16)


def thinagenet() -> nn.Sequential:
    """ThinAgeNet, half of VGG16's width: features (N, 256); 3.7 M parameters."""
    return _agenet(32)
