"""The paper's four backbones: CEN (arXiv 1809.07447), table 7, on timm's ResNet."""

from __future__ import annotations

from timm.models.resnet import BasicBlock, ResNet
from torch import nn

__all__ = ["resnet10", "resnet10_tiny", "resnet18", "resnet18_tiny"]


def _resnet(depths: tuple[int, int, int, int], width: int) -> ResNet:
    """A ResNet of basic blocks: `width` channels at first, twice as many in each next stage.

    timm gives its plain stem 64 channels whatever its `stem_width`: of another width, the stem and
    the first stage, which is fitted to it, are made here.
    """
    network = ResNet(
        BasicBlock,  # type: ignore[arg-type]
        layers=depths,
        channels=tuple(width * 2**stage for stage in range(4)),
        num_classes=0,
    )
    if width != network.conv1.out_channels:
        stem = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        network.conv1 = stem  # type: ignore[assignment]
        network.bn1 = nn.BatchNorm2d(width)
        network.layer1 = nn.Sequential(*(BasicBlock(width, width) for _ in range(depths[0])))
        network.feature_info[0]["num_chs"] = width
        network.init_weights()
    return network


def resnet10() -> ResNet:
    """ResNet10: images (N, 3, H, W) to features (N, 512); 4.9 M parameters."""
    return _resnet((1, 1, 1, 1), 64)


def resnet18() -> ResNet:
    """ResNet18: images (N, 3, H, W) to features (N, 512); 11.2 M parameters."""
    return _resnet((2, 2, 2, 2), 64)


def resnet10_tiny() -> ResNet:
    """ResNet10-Tiny, half the channels: features (N, 256); 1.2 M parameters."""
    return _resnet((1, 1, 1, 1), 32)


def resnet18_tiny() -> ResNet:
    """ResNet18-Tiny, half the channels: features (N, 256); 2.8 M parameters."""
    return _resnet((2, 2, 2, 2), 32)
