"""CEN (arXiv 1809.07447) table 7."""

from __future__ import annotations

import pytest
import torch

from agekit.registry import BACKBONES

WIDTHS = {"resnet10": 64, "resnet18": 64, "resnet10-tiny": 32, "resnet18-tiny": 32}


@pytest.mark.parametrize(("name", "width"), WIDTHS.items())
def test_table07_channels_and_maps_at_224_pixels(name, width):
    network = BACKBONES.get(name)().eval()
    shapes = []
    with torch.no_grad():
        x = network.conv1(torch.zeros(1, 3, 224, 224))
        shapes.append(tuple(x.shape[1:]))
        x = network.maxpool(network.act1(network.bn1(x)))
        for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
            x = stage(x)
            shapes.append(tuple(x.shape[1:]))
        feature = network.global_pool(x)
    assert shapes == [
        (width, 112, 112),
        (width, 56, 56),
        (2 * width, 28, 28),
        (4 * width, 14, 14),
        (8 * width, 7, 7),
    ]
    assert feature.shape == (1, 8 * width)


@pytest.mark.parametrize(
    ("name", "blocks"), [("resnet10", 1), ("resnet18", 2), ("resnet10-tiny", 1)]
)
def test_table07_blocks_of_two_convolutions_a_stage(name, blocks):
    network = BACKBONES.get(name)()
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        assert len(stage) == blocks
        for block in stage:
            assert block.conv1.kernel_size == block.conv2.kernel_size == (3, 3)
            assert not hasattr(block, "conv3")
    assert network.conv1.kernel_size == (7, 7)
