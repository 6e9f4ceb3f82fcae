"""The networks of SSR-Net's table 3: their sizes, and what they take."""

from __future__ import annotations

import math

import pytest
import torch
from agekit_ssrnet.densenet import DenseNet
from agekit_ssrnet.mobilenet import MobileNet
from agekit_ssrnet.network import SSRNet
from torch import nn

from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.tasks.estimator.build import build_estimator


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


def strided(side):
    """The sums over the 3x3 windows of a stride of 2 that MobileNet's first convolution makes of
    1, 2, 3, ... written row by row."""
    convolution = MobileNet(alpha=0.03125, size=side).layers[0]
    nn.init.ones_(convolution.weight)
    rows = torch.arange(1.0, side**2 + 1).view(1, 1, side, side)
    return convolution(rows.expand(1, 3, side, side) / 3)[0, 0].round().tolist()


def test_mobilenet_halves_an_even_side_as_tensorflow_does():
    """(4 / 2 - 1) * 2 + 3 - 4 = 1 pixel is missing: on the right and below.

    Above on the left 1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11, on the right 3 + 4 + 7 + 8 + 11 + 12.
    """
    assert strided(4) == [[54, 45], [72, 54]]


def test_mobilenet_halves_an_odd_side_as_tensorflow_does():
    """(3 - 1) * 2 + 3 - 5 = 2 pixels are missing: one on each side, as in torch.

    1 + 2 + 6 + 7, 2 + 3 + 4 + 7 + 8 + 9, ...
    """
    assert strided(5)[0] == [16, 33, 28]
    assert len(strided(5)) == 3


@pytest.mark.parametrize("side", [32, 60, 64, 75, 96])
def test_every_halving_is_padded_by_tensorflows_formula(side):
    """ceil(n / 2) out of n, and the first window begins at -floor(missing / 2)."""
    network = MobileNet(size=side).eval()
    seen = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.register_forward_hook(lambda m, x, y: seen.append((m, x[0], y)))
    network(torch.randn(1, 3, side, side))
    assert len(seen) == 5
    for module, x, y in seen:
        n = x.shape[-1]
        out = math.ceil(n / 2)
        missing = max((out - 1) * 2 + 3 - n, 0)
        padded = x.new_zeros(1, x.shape[1], n + missing, n + missing)
        start = missing // 2
        padded[..., start : start + n, start : start + n] = x
        mine = nn.functional.conv2d(padded, module.weight, stride=2, groups=module.groups)
        assert y.shape[-1] == out
        torch.testing.assert_close(y, mine)


def test_other_layers_are_the_authors():
    """As their saved networks have them: kernel, stride, missing pixels; pooling is `valid`."""
    for network, valid in ((SSRNet(), True), (DenseNet(depth=13), False), (MobileNet(), False)):
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and module.stride == (1, 1):
                images = torch.randn(1, module.in_channels, 7, 7)
                lost = 2 if valid and module.kernel_size == (3, 3) else 0
                assert module(images).shape[-1] == 7 - lost
            if isinstance(module, nn.AvgPool2d | nn.MaxPool2d):
                assert module.kernel_size == module.stride
                assert (module.padding, module.ceil_mode) == (0, False)


@pytest.mark.parametrize(("made", "eps"), [(SSRNet, 1e-3), (MobileNet, 1e-3), (DenseNet, 1.1e-5)])
def test_normalisations_are_keras(made, eps):
    """Keras's momentum of 0.99 keeps 0.99 of the statistics; torch's is what a batch gives."""

    def found(network):
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        return {(m.eps, m.momentum) for m in norms}

    assert found(made()) == {(eps, 0.01)}
    assert found(made(momentum=0.1)) == {(eps, 0.1)}


def test_presets_choose_how_fast_statistics_follow():
    for name in ("ssrnet", "mobilenet-ssr", "densenet-ssr"):
        assert resolve(name).recipe.backbone.arguments.get("momentum") is None
        assert resolve(name, preset="quick").recipe.backbone.arguments["momentum"] == 0.1


def test_weights_begin_as_keras_draws_them():
    """Glorot: uniform up to sqrt(6 / (in + out)); DenseNet's convolutions: normal, cut at 2 std."""
    torch.manual_seed(0)
    for network in (SSRNet(), MobileNet(alpha=0.5), DenseNet()):
        dense = isinstance(network, DenseNet)
        for module in network.modules():
            if not isinstance(module, nn.Conv2d | nn.Linear):
                continue
            if module.bias is not None:
                assert not module.bias.any()
            area = module.weight[0, 0].numel()
            ins, outs = module.weight.shape[1] * area, module.weight.shape[0] * area
            normal = dense and isinstance(module, nn.Conv2d)
            bound = 2 * math.sqrt(2 / ins) if normal else math.sqrt(6 / (ins + outs))
            largest = module.weight.abs().max().item()
            assert largest <= bound * (1 + 1e-6)
            assert largest > 0.7 * bound
            if module.weight.numel() > 2000 and not normal:
                assert module.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
