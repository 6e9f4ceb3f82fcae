"""The authors' networks as Keras named their layers, and ours that hold the same weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agekit.errors import ConfigError, ModelError, listed
from agekit.plugin import AgeEstimator
from agekit_ssrnet.h5 import KerasFile

__all__ = ["AGES", "Published", "load_published", "recognise"]

AGES = (0, 100)
"""The label ages of the authors' networks, years: their V is 101."""
_SIZE = 64
_KNOWN = "SSR-Net, and its MobileNet and DenseNet"


@dataclass(frozen=True)
class Published:
    """A network of the authors' in a file.

    Attributes:
        recipe: ours of that network.
        overrides: of the recipe, as ``--set`` takes them.
        convolutions: Keras's layers in the order of our modules, as of the two below.
        normalisations: those of batches.
        linear: the fully connected.
        flat: of the fully connected over a map, its channels.
        output: the fully connected that gives years, where ours gives a share of the label ages.
        guessed: what the file does not say, and where it is from; one line.
    """

    recipe: str
    overrides: tuple[str, ...]
    convolutions: Sequence[str]
    normalisations: Sequence[str]
    linear: Sequence[str]
    flat: dict[str, int] = field(default_factory=dict)
    output: str = ""
    guessed: str = ""


def recognise(file: KerasFile, size: int | None = None) -> Published:
    """Finds which of the authors' networks a file is of.

    Args:
        file: its tensors, of which only names and shapes are looked at.
        size: side of the images, pixels; else what the file's name says, or 64.

    Raises:
        ModelError: it is of none.
    """
    if "pred_age_stage1" in file.tensors:
        return _ssrnet(file, size)
    if "feat_a" in file.tensors and "pred_a" in file.tensors:
        if "conv_dw_1" in file.tensors:
            return _mobilenet(file, size)
        if file.layers("batch_normalization"):
            return _densenet(file, size)
    raise ModelError(
        f"{file.path} is of none of the networks that are known, {_KNOWN}; its layers: "
        f"{listed(file.tensors)}",
        "SSR-Net's models of gender are none of ages",
    )


def load_published(file: KerasFile, network: AgeEstimator, found: Published) -> None:
    """Puts every tensor of a file where it belongs.

    The authors' images are blue, green, red, and ours red, green, blue: the first convolutions
    are turned round. Maps are flattened channel by channel here, and pixel by pixel by Keras.

    Args:
        file: its tensors; all of them are taken.
        network: ours, built of what was found.
        found: what `recognise` gave.

    Raises:
        ModelError: a tensor is missing, left over, of another shape, or holds what is no number.
    """
    low, high = network.ages
    state = dict(network.state_dict())
    for name, module, layer in _pairs(file, network, found):
        tensors = {"weight": _weight(file, module, layer, found.flat.get(layer, 0))}
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            tensors["weight"] = tensors["weight"][:, ::-1]
        if isinstance(module, nn.BatchNorm2d):
            for ours, theirs in _STATISTICS.items():
                tensors[ours] = file.take(layer, theirs, (module.num_features,))
            if (tensors["running_var"] < 0).any():
                raise ModelError(
                    f"{file.path}: {layer}/moving_variance is below 0", "fetch it again"
                )
        elif module.bias is not None:
            tensors["bias"] = file.take(layer, "bias", (len(module.bias),))
        if layer == found.output:
            tensors = {ours: v / np.float32(high - low) for ours, v in tensors.items()}
        for ours, values in tensors.items():
            state[f"{name}.{ours}"] = torch.from_numpy(np.ascontiguousarray(values))
    if left := file.left():
        raise ModelError(
            f"{file.path} holds {listed(left)}, which {found.recipe} has not",
            "convert a file of the published network",
        )
    network.load_state_dict(state)


Layer = nn.Conv2d | nn.BatchNorm2d | nn.Linear
_STATISTICS = {"bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def _pairs(
    file: KerasFile, network: nn.Module, found: Published
) -> Iterator[tuple[str, Layer, str]]:
    """Our modules by name, each with the layer of Keras whose weights it gets."""
    for kind, layers in (
        (nn.Conv2d, found.convolutions),
        (nn.BatchNorm2d, found.normalisations),
        (nn.Linear, found.linear),
    ):
        ours = [(name, one) for name, one in network.named_modules() if isinstance(one, kind)]
        if len(ours) != len(layers):
            raise ModelError(
                f"{file.path} has {len(layers)} layers of the kind {kind.__name__}, and "
                f"{found.recipe} {len(ours)}: {listed(layers)}",
                "convert a file of the published network",
            )
        for (name, module), layer in zip(ours, layers, strict=True):
            yield name, module, layer


def _weight(file: KerasFile, module: Layer, layer: str, channels: int) -> NDArray[np.float32]:
    """The weights of a layer, their axes in the order of torch's."""
    if isinstance(module, nn.BatchNorm2d):
        return file.take(layer, "gamma", (module.num_features,))
    out, inside, *kernel = module.weight.shape
    if isinstance(module, nn.Conv2d):
        if module.groups > 1:
            depthwise = file.take(layer, "depthwise_kernel", (*kernel, out, inside))
            return depthwise.transpose(2, 3, 0, 1)
        return file.take(layer, "kernel", (*kernel, inside, out)).transpose(3, 2, 0, 1)
    flat = file.take(layer, "kernel", (inside, out))
    if channels:
        flat = flat.reshape(-1, channels, out).transpose(1, 0, 2).reshape(inside, out)
    return flat.T


def _ssrnet(file: KerasFile, size: int | None) -> Published:
    convolutions, dense = file.layers("conv2d"), file.layers("dense")
    if len(convolutions) != 14 or len(dense) != 9:
        raise ModelError(
            f"{file.path} has {len(convolutions)} numbered convolutions and {len(dense)} "
            "fully connected layers, and SSR-Net 14 and 9",
            "convert a file of the published network",
        )
    bins = [file.shape(f"pred_age_stage{k}")[-1] for k in (1, 2, 3)]
    name = re.search(r"_(\d{2,4})_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)$", file.path.stem)
    side, eta, delta = name.groups() if name else (str(_SIZE), "1", "1")
    streams, squeezes = convolutions[:8], convolutions[8:]
    linear: list[str] = []
    flat: dict[str, int] = {}
    for k in range(3):
        tanh, relu, hidden = dense[3 * k : 3 * k + 3]
        linear += [relu, tanh, f"delta_s{k + 1}", hidden]
        flat |= dict.fromkeys((relu, tanh, f"delta_s{k + 1}"), 10)
        streams += [squeezes[2 * k + 1], squeezes[2 * k]]
    linear += [f"{what}{k}" for what in ("pred_age_stage", "local_delta_stage") for k in (1, 2, 3)]
    return Published(
        "ssrnet",
        (
            *_sizes(size or int(side)),
            f"backbone.size={size or int(side)}",
            f"backbone.bins={bins}",
            f"heads.ssr.bins={bins}",
            f"heads.ssr.lambda_eta={float(eta)}",
            f"heads.ssr.lambda_delta={float(delta)}",
        ),
        streams,
        file.layers("batch_normalization"),
        linear,
        flat,
        guessed=f"images of {size or side} pixels, lambdas {eta} and {delta} ("
        + ("as its name says)" if name else "the authors' usual)"),
    )


def _mobilenet(file: KerasFile, size: int | None) -> Published:
    side, guessed = _side(file, size)
    blocks = [f"conv_{part}_{k}" for k in range(1, 14) for part in ("dw", "pw")]
    alpha = file.shape("conv1")[-1] / 32
    return Published(
        "mobilenet-ssr",
        (*_sizes(side), f"backbone.size={side}", f"backbone.alpha={alpha}"),
        ["conv1", *blocks, *file.layers("conv2d")],
        [f"{layer}_bn" for layer in ("conv1", *blocks)],
        ["feat_a", "pred_a"],
        {"feat_a": 20},
        output="pred_a",
        guessed=guessed,
    )


def _densenet(file: KerasFile, size: int | None) -> Published:
    side, guessed = _side(file, size)
    convolutions = file.layers("conv2d")
    return Published(
        "densenet-ssr",
        (*_sizes(side), f"backbone.depth={len(convolutions) + 1}"),
        convolutions,
        file.layers("batch_normalization"),
        [*file.layers("dense"), "feat_a", "pred_a"],
        output="pred_a",
        guessed=guessed,
    )


def _side(file: KerasFile, size: int | None) -> tuple[int, str]:
    name = re.search(r"_(\d{2,4})$", file.path.stem)
    side = size or (int(name[1]) if name else _SIZE)
    return side, f"images of {side} pixels" + (" (as its name says)" if name and not size else "")


def _sizes(side: int) -> tuple[str, ...]:
    """Pixels as the authors' networks take them, from 0 to 255."""
    if not 16 <= side <= 1024:
        raise ConfigError(f"images of {side} pixels are not usable", "give --size, 16 to 1024")
    return (f"data.size={side}", "data.mean=[0, 0, 0]", f"data.std={[1 / 255] * 3}")
