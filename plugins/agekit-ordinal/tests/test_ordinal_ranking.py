"""Ranking-CNN: one network of grouped convolutions is as many separate ones."""

from __future__ import annotations

from math import nan

import pytest
import torch
from agekit_ordinal.ensemble import BinaryCnns
from agekit_ordinal.ordinal import OrdinalLoss
from agekit_ordinal.pixels import Pixels
from agekit_ordinal.ranking import RankingHead
from torch import nn

import agekit
from agekit.errors import ConfigError
from agekit.tasks.estimator.target import Target

AGES = (16, 19)
SIDE = 64
WIDTH = 1 / 16
"""6, 16 and 24 filters, 32 units."""


def separate(network: BinaryCnns, group: int) -> nn.Sequential:
    """Network `group` alone, layer by layer as in the authors' Caffe files."""

    def share(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.chunk(network.groups)[group]

    def convolution(own: nn.Conv2d, inside: int, **options: int) -> nn.Conv2d:
        layer = nn.Conv2d(inside, own.out_channels // network.groups, own.kernel_size[0], **options)
        layer.load_state_dict({"weight": share(own.weight), "bias": share(own.bias)})
        return layer

    def connected(own: nn.Module) -> nn.Linear:
        layer = nn.Linear(own.weight.shape[2], own.weight.shape[1])
        layer.load_state_dict({"weight": own.weight[group], "bias": own.bias[group]})
        return layer

    def norm() -> nn.LocalResponseNorm:
        return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)

    def pool() -> nn.MaxPool2d:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        *(convolution(network.conv1, 3, stride=4), nn.ReLU(), pool(), norm()),
        *(convolution(network.conv2, 6, padding=2), nn.ReLU(), pool(), norm()),
        *(convolution(network.conv3, 16, padding=1), nn.ReLU(), pool()),
        *(nn.Flatten(), connected(network.fc1), nn.ReLU(), connected(network.fc2), nn.ReLU()),
        connected(network.fc3),
    ).to(network.fc3.weight.dtype)


@pytest.fixture
def head():
    torch.manual_seed(0)
    return RankingHead(3 * SIDE**2, AGES, width=WIDTH, dropout=0.0).double()


@pytest.fixture
def images():
    return torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_ensemble_gives_what_the_separate_networks_give(head, images, memory):
    alone = [separate(head.networks, j)(images) for j in range(3)]
    head = head.to(memory_format=memory)
    together = head.networks(images.to(memory_format=memory))
    torch.testing.assert_close(together, torch.stack(alone, 1))
    raw = head(Pixels()(images.to(memory_format=memory)))
    yes_less_no = torch.stack([z[:, 1] - z[:, 0] for z in alone], 1)
    torch.testing.assert_close(raw, yes_less_no.float())


def test_each_network_gets_the_gradient_it_would_get_alone(head, images):
    """Against the softmax cross-entropy of the authors' two outputs, net by net."""
    age = torch.tensor([16.0, 17, 18, 19])
    head.float()
    images = images.float()
    OrdinalLoss()(head(Pixels()(images)), Target(age, torch.full_like(age, nan), AGES)).backward()
    for j in range(3):
        alone = separate(head.networks, j)
        nn.functional.cross_entropy(alone(images), (age > 16 + j).long()).backward()
        convolutions = [m for m in alone if isinstance(m, nn.Conv2d)]
        for name, layer in zip(("conv1", "conv2", "conv3"), convolutions, strict=True):
            own = getattr(head.networks, name).weight.grad.chunk(3)[j]
            torch.testing.assert_close(own, layer.weight.grad, rtol=1e-3, atol=1e-6)
        connected = [m for m in alone if isinstance(m, nn.Linear)]
        for name, layer in zip(("fc1", "fc2", "fc3"), connected, strict=True):
            own = getattr(head.networks, name).weight.grad[j]
            torch.testing.assert_close(own, layer.weight.grad, rtol=1e-3, atol=1e-6)
            assert (own != 0).any()


def test_no_network_hears_of_another(head, images):
    head(Pixels()(images))[:, 1].sum().backward()
    for name in ("conv1", "conv2", "conv3", "fc1", "fc2", "fc3"):
        used = [g.abs().sum() > 0 for g in getattr(head.networks, name).weight.grad.chunk(3)]
        assert used == [False, True, False], name


def test_the_papers_size_at_227_pixels():
    """56, 28, 14 and 7 pixels; 11.4 million parameters a network."""
    with torch.device("meta"):
        network = BinaryCnns(2, 227)
    assert network.fc1.weight.shape == (2, 512, 384 * 7 * 7)
    convolutions = 96 * (3 * 49 + 1) + 256 * (96 * 25 + 1) + 384 * (256 * 9 + 1)
    connected = 512 * (384 * 49 + 1) + 512 * 513 + 2 * 513
    assert sum(p.numel() for p in network.parameters()) == 2 * (convolutions + connected)
    assert convolutions + connected == 11_411_970


@pytest.mark.parametrize("side", [35, 36, 47, 60, 64, 99])
def test_the_smallest_and_other_sides_fit(side):
    head = RankingHead(3 * side**2, AGES, width=WIDTH)
    assert head(torch.zeros(2, 3 * side**2)).shape == (2, 3)


def test_a_network_for_every_label_age_but_the_last():
    network = agekit.build("ranking-cnn", ages=(16, 20), size=35)
    assert network.heads["ranking"].networks.groups == 4


def test_dropout_only_in_training(head, images):
    head.networks.dropout = 0.5
    features = Pixels()(images)
    assert not torch.equal(head(features), head(features))
    assert torch.equal(head.eval()(features), head(features))


@pytest.mark.parametrize("features", [512, 3 * 34**2, 3 * 64**2 + 1])
def test_features_that_are_no_image_are_refused(features):
    with pytest.raises(ConfigError, match="not the pixels of an image") as error:
        RankingHead(features, AGES)
    assert "pixels" in error.value.hint


@pytest.mark.parametrize("wrong", [{"width": 0.0}, {"width": nan}, {"dropout": 1.0}])
def test_senseless_arguments_are_refused(wrong):
    with pytest.raises(ConfigError, match="width must be above 0 and dropout"):
        RankingHead(3 * SIDE**2, AGES, **wrong)
