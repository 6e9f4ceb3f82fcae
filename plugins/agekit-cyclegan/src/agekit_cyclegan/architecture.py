"""Which network of the reference a state dict is of, from its keys and shapes alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from agekit.errors import ModelError

__all__ = ["ANY_HINT", "Architecture", "recognise"]

ENCODER = {1: 7, 4: 3, 7: 3}
"""Convolutions before the blocks, by index, and their kernels."""

BLOCKS = (6, 9)

ANY_HINT = (
    "give a resnet_6blocks or resnet_9blocks generator or a basic discriminator, "
    "trained with instance normalisation on colour images"
)


@dataclass(frozen=True)
class Architecture:
    """A network that agekit has.

    Attributes:
        kind: ``generator`` or ``discriminator``.
        width: channels after the first convolution.
        depth: blocks of a generator, halving layers of a discriminator.
        dropout: whether a generator's blocks have it.
        affine: whether a generator's normalisation has a learned scale and shift.
    """

    kind: Literal["generator", "discriminator"]
    width: int
    depth: int
    dropout: bool = False
    affine: bool = False

    def __str__(self) -> str:
        """For people."""
        if self.kind == "discriminator":
            return f"a PatchGAN discriminator of {self.depth} layers, width {self.width}"
        extras = [
            *([" with dropout"] if self.dropout else []),
            *([" with affine normalisation"] if self.affine else []),
        ]
        return f"resnet-{self.depth}blocks, width {self.width}{' and'.join(extras)}"

    @property
    def generator(self) -> dict[str, object]:
        """The recipe's ``generator`` part that builds it."""
        part: dict[str, object] = {"type": f"resnet-{self.depth}blocks"}
        if self.width != 64:
            part["width"] = self.width
        part |= {name: True for name in ("dropout", "affine") if getattr(self, name)}
        return part


def recognise(tensors: Mapping[str, Tensor], where: str) -> Architecture:
    """Tells what network the tensors are of.

    Args:
        tensors: by the reference's names, running statistics included.
        where: the file, for messages.

    Raises:
        ModelError: one that agekit does not have; says which it looks like.
    """
    for looks, name, hint in FOREIGN:
        if looks(tensors):
            raise ModelError(f"{where} holds {name}", hint)
    found = _generator(tensors, where) or _discriminator(tensors, where)
    if found is None:
        keys = ", ".join(list(tensors)[:3])
        raise ModelError(
            f"{where} holds no network of CycleGAN: its first tensors are {keys}", ANY_HINT
        )
    return found


Looks = Callable[[Mapping[str, Tensor]], bool]


def _any(pattern: str) -> Looks:
    """Whether a key matches from its beginning."""
    return lambda tensors: any(re.match(pattern, key) for key in tensors)


def _shape(tensors: Mapping[str, Tensor], key: str) -> tuple[int, ...]:
    return tuple(tensors[key].shape) if key in tensors else ()


def _batch_norm(tensors: Mapping[str, Tensor]) -> bool:
    """Normalisations with statistics and scale, and convolutions before them without a bias."""
    for key in tensors:
        if key.endswith(".running_mean"):
            slot, _, index = key.removesuffix(".running_mean").rpartition(".")
            scaled = f"{slot}.{index}.weight" in tensors
            before = f"{slot}.{int(index) - 1}" if index.isdigit() else ""
            if scaled and f"{before}.weight" in tensors and f"{before}.bias" not in tensors:
                return True
    return False


def _pixel(tensors: Mapping[str, Tensor]) -> bool:
    return any(_shape(tensors, f"{net}.0.weight")[2:] == (1, 1) for net in ("model", "net"))


FOREIGN: tuple[tuple[Looks, str, str], ...] = (
    (
        _any(r"model(\.model)+\.\d"),
        "a U-Net generator (unet_128 or unet_256)",
        "give a resnet_6blocks or resnet_9blocks generator",
    ),
    (
        _batch_norm,
        "a network with batch normalisation (--norm batch)",
        "train it with --norm instance; batch statistics cannot be turned into an image's own",
    ),
    (_pixel, "a pixel discriminator (--netD pixel)", "train with --netD basic"),
    (
        _any(r".*\.weight_(orig|u|g)$"),
        "a network with spectral or weight normalisation",
        ANY_HINT,
    ),
    (_any(r"(model_|model\d+_\d|scale\d)"), "a network of pix2pixHD", ANY_HINT),
)


def _generator(tensors: Mapping[str, Tensor], where: str) -> Architecture | None:
    first = _shape(tensors, "model.1.weight")
    if len(first) != 4:
        return None
    width = first[0]
    if first[1:] != (3, 7, 7):
        images = f"images of {first[1]} channels" if first[2:] == (7, 7) else "other kernels"
        raise ModelError(f"{where} holds a ResNet generator for {images}", ANY_HINT)
    blocks = {int(m[1]) for key in tensors if (m := re.match(r"model\.(\d+)\.conv_block\.", key))}
    depth = len(blocks)
    start = min(blocks, default=0)
    if start > 10:
        raise ModelError(f"{where} holds the global generator of pix2pixHD", ANY_HINT)
    if depth not in BLOCKS or blocks != set(range(10, 10 + depth)):
        raise ModelError(
            f"{where} holds a ResNet generator of {depth} blocks; agekit has 6 and 9", ANY_HINT
        )
    dropout = "model.10.conv_block.6.weight" in tensors and (
        len(_shape(tensors, "model.10.conv_block.6.weight")) == 4
    )
    up = 10 + depth
    wanted = {f"model.{i}.weight": 4 for i in (*ENCODER, up, up + 3, up + 7)}
    missing = [key for key, n in wanted.items() if len(_shape(tensors, key)) != n]
    if missing:
        raise ModelError(
            f"{where} holds a ResNet generator with another encoder or decoder, such as one that "
            f"resizes: {missing[0]} is no convolution",
            ANY_HINT,
        )
    return Architecture("generator", width, depth, dropout, "model.2.weight" in tensors)


def _discriminator(tensors: Mapping[str, Tensor], where: str) -> Architecture | None:
    kernels = [
        tuple(tensor.shape)
        for key, tensor in tensors.items()
        if re.fullmatch(r"model\.\d+\.weight", key) and tensor.ndim == 4
    ]
    if len(kernels) < 3 or any(shape[2:] != (4, 4) for shape in kernels):
        return None
    if kernels[0][1] != 3 or kernels[-1][0] != 1:
        raise ModelError(
            f"{where} holds a discriminator for images of {kernels[0][1]} channels", ANY_HINT
        )
    return Architecture("discriminator", kernels[0][0], len(kernels) - 2)
