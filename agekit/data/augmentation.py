"""The contract of augmentations: images on the device, changed by random numbers of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError

__all__ = [
    "Augmentation",
    "Mixing",
    "MixingAugmentation",
    "chosen",
    "require_range",
    "require_share",
]


@dataclass(frozen=True)
class Mixing:
    """The faces of a batch that are mixed into others, and how much of each is left.

    Attributes:
        partner: (N,) int64, the position in the batch of the face that is mixed into each.
        share: what each image keeps of its own face, a scalar, 0 to 1.
    """

    partner: Tensor
    share: Tensor


class Augmentation(nn.Module, ABC):
    """Changes training images in a batch, each by numbers that are drawn for it alone.

    The uniform numbers of an epoch are drawn at once on the CPU, from the seed of the run, the
    epoch and the place in the recipe: so an image is changed alike on every device, a resumed run
    goes on exactly, and no step waits for the host. Tensors that it keeps are buffers: a tensor
    that is made of numbers in a step would wait too.

    Attributes:
        numbers: uniform numbers that an image takes.
    """

    numbers: ClassVar[int] = 1

    def draw(self, uniform: Tensor) -> Tensor:
        """The parameters of every image of an epoch, made on the CPU.

        Args:
            uniform: (rows, numbers) float32, 0 to below 1.

        Returns:
            (rows, P) float32; the numbers themselves, where a subclass makes nothing of them.
        """
        return uniform

    @abstractmethod
    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Changes a batch, and reads nothing back from the device.

        Args:
            images: (N, 3, S, S) float32, RGB from 0 to 1; left as they are.
            drawn: (N, P), the parameters of these images.

        Returns:
            (N, 3, S, S) float32, 0 to 1.
        """


class MixingAugmentation(Augmentation):
    """One that mixes the faces of a batch, and so their ages; a recipe has one at most."""

    @abstractmethod
    def mixing(self, drawn: Tensor) -> Mixing:
        """The mixing of a call with the same parameters (N, P)."""


def chosen(drawn: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """The changed images where the first parameter is above 0, the others as they are."""
    return torch.where(drawn[:, 0].view(-1, 1, 1, 1) > 0, changed, images)


def require_share(name: str, value: float) -> float:
    """A number from 0 to 1.

    Raises:
        ConfigError: it is not.
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be from 0 to 1 (got {value:g})")
    return value


def require_range(
    name: str, value: tuple[float, float], least: float, most: float
) -> tuple[float, float]:
    """Two numbers in ascending order within bounds.

    Raises:
        ConfigError: they are not.
    """
    low, high = value
    if not least <= low <= high <= most:
        raise ConfigError(
            f"{name} must be [low, high] with {least:g} <= low <= high <= {most:g} "
            f"(got {list(value)})"
        )
    return low, high
