"""The networks of SSR-Net's table 3: their sizes, and what they take."""

from __future__ import annotations

import pytest
import torch
from agekit_ssrnet.densenet import DenseNet
from agekit_ssrnet.mobilenet import MobileNet
from agekit_ssrnet.network import SSRNet

from agekit.errors import ConfigError
from agekit.estimator.build import build_estimator
from agekit.recipe import resolve


def build(name, *overrides):
    return build_estimator(resolve(name, overrides=overrides).recipe, ages=(0, 100), seed=0)


def counts(network):
    """Learnt parameters, and running statistics of the normalisations, which Keras counts too."""
    running = [b for name, b in network.named_buffers() if "running" in name]
    return sum(p.numel() for p in network.parameters()), sum(b.numel() for b in running)


def test_ssrnet_has_the_papers_40915_parameters():
    """Convolutions 28,640 + 7,408, normalisations 2 * 192, stages 1,693 + 1,203 + 1,203; 384."""
    learnt, running = counts(build("ssrnet"))
    assert learnt == 28_640 + 7_408 + 384 + 1_693 + 1_203 + 1_203
    assert running == 384
    assert learnt + running == 40_915


@pytest.mark.parametrize(
    ("name", "overrides", "thousands"),
    [
        ("mobilenet-ssr", [], 226.3),
        ("mobilenet-ssr", ["backbone.alpha=0.5"], 842.4),
        ("densenet-ssr", ["backbone.depth=13"], 108.4),
        ("densenet-ssr", [], 242.0),
    ],
)
def test_the_baselines_are_as_large_as_the_authors(name, overrides, thousands):
    network = build(name, *overrides)
    assert round(sum(counts(network)) / 1000, 1) == thousands


def test_stages_read_the_maps_of_their_depth():
    """64 pixels: 62 / 2 = 31, 29 / 2 = 14, 12 / 2 = 6, 4."""
    network = SSRNet()
    inputs = [stage.delta.in_features for stage in network.stages]
    assert inputs == [10 * 4 * 4, 10 * (14 // 4) ** 2, 10 * (31 // 8) ** 2]
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 3 * (1 + 2 * 3))


def test_the_streams_are_fused_by_their_product():
    """With one stream of a stage silent, its delta and hidden units are their biases'."""
    network = SSRNet().eval()
    stage = network.stages[0]
    torch.nn.init.zeros_(stage.tanh.squeeze[0].weight)
    torch.nn.init.constant_(stage.tanh.squeeze[0].bias, -1)
    torch.nn.init.zeros_(stage.tanh.mix[1].bias)
    features = network(torch.randn(1, 3, 64, 64))[0, :7]
    assert features[0].item() == pytest.approx(stage.delta.bias.item())
    assert features[1:].tolist() == pytest.approx(stage.hidden[0].bias.relu().tolist())


def test_mobilenet_and_densenet_give_32_features():
    images = torch.randn(2, 3, 64, 64)
    assert MobileNet()(images).shape == DenseNet(depth=7)(images).shape == (2, 32)
    assert MobileNet(size=96)(torch.randn(2, 3, 96, 96)).shape == (2, 32)


@pytest.mark.parametrize("name", ["ssrnet", "mobilenet-ssr"])
def test_another_size_is_told_and_can_be_had(name):
    with pytest.raises(ConfigError, match=r"built for 64 x 64; set backbone\.size"):
        build(name, "data.size=96")
    build(name, "data.size=96", "backbone.size=96")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: SSRNet(size=24), "size must be at least"),
        (lambda: SSRNet(bins=(3, 3, 1)), "bins three numbers above 1"),
        (lambda: MobileNet(alpha=0.0), "alpha must be"),
        (lambda: DenseNet(depth=14), "depth must be"),
    ],
)
def test_wrong_arguments_are_told(made, message):
    with pytest.raises(ConfigError, match=message):
        made()
