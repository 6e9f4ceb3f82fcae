"""TinyAgeNet and ThinAgeNet against the paper's sizes, and DEX's VGG16 against the tables'."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from agekit_ldl.agenet import thinagenet, tinyagenet
from agekit_ldl.head import LDLHead
from torch import nn

from agekit.tasks.estimator.timm_bridge import timm_backbone

TINY = [3, 16, 16, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128]
THIN = [3, 32, 32, 64, 64, 128, 128, 128, 256, 256, 256, 256, 256, 256]


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ("network", "widths", "millions"), [(tinyagenet, TINY, 0.9), (thinagenet, THIN, 3.7)]
)
def test_parameters(network, widths, millions):
    net = network()
    kernels = sum(9 * a * b for a, b in pairwise(widths))
    norms = 2 * sum(widths[1:])
    classes = widths[-1] * 101 + 101
    total = count(net, LDLHead(widths[-1], (0, 100)))
    assert total == kernels + norms + classes
    assert round(total / 1e6, 1) == millions
    convolutions = [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert convolutions == widths[1:]


def test_hybrid_pooling_averages_seven_by_seven_at_224():
    net = tinyagenet().eval()
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        maps = net[:-2](image)
        assert maps.shape == (1, 128, 7, 7)
        assert torch.allclose(net(image), maps.mean((2, 3)), atol=1e-6)


@pytest.mark.parametrize("size", [16, 32, 60, 64, 75])
def test_other_sizes(size):
    assert thinagenet()(torch.randn(2, 3, size, size)).shape == (2, 256)


def test_dex_has_the_134_6_million_parameters_of_the_tables():
    with torch.device("meta"):
        total = count(timm_backbone("vgg16"), LDLHead(4096, (0, 100)))
    vgg16, classifier = 138_357_544, 4096 * 1000 + 1000
    assert total == vgg16 - classifier + 4096 * 101 + 101
    assert int(total / 1e5) / 10 == 134.6
