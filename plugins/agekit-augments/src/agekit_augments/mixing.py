"""Augmentations that mix the faces of a batch, and their ages with them: mixup and cutmix."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.augmentation import Mixing, MixingAugmentation, require_share
from agekit.errors import ConfigError
from agekit_augments.pixels import inside_box

__all__ = ["Cutmix", "Mixup", "beta"]

_GRID = 4096


class _Mixer(MixingAugmentation):
    """Mixes each face of a batch with the next; how much is drawn once for the batch.

    The batch's first face says how much: which that is, is random as the order of faces is.

    Args:
        alpha: the share of an image's own face is of the distribution Beta(alpha, alpha).
        p: the share of batches.
    """

    def __init__(self, *, alpha: float = 1.0, p: float = 1.0) -> None:
        super().__init__()
        name = type(self).__name__.lower()
        if not 0.01 <= alpha <= 100:
            raise ConfigError(f"{name}: alpha must be from 0.01 to 100 (got {alpha:g})")
        self.alpha = alpha
        self.p = require_share(f"{name}: p", p)

    def shares(self, uniform: Tensor) -> Tensor:
        """The share that is kept (rows,), from uniform numbers (rows, 2); 1 where none is mixed."""
        share = torch.from_numpy(beta(uniform[:, 1].double().numpy(), self.alpha)).float()
        return torch.where(uniform[:, 0] < self.p, share, torch.ones(()))


class Mixup(_Mixer):
    """The weighted mean of two faces: mixup (arXiv 1710.09412).

    Args:
        alpha: the share of an image's own face is of the distribution Beta(alpha, alpha).
        p: the share of batches.
    """

    numbers: ClassVar[int] = 2

    def __init__(self, *, alpha: float = 0.2, p: float = 1.0) -> None:
        super().__init__(alpha=alpha, p=p)

    def draw(self, uniform: Tensor) -> Tensor:
        """The share that an image keeps of its own face, (rows, 1)."""
        return self.shares(uniform)[:, None]

    def mixing(self, drawn: Tensor) -> Mixing:
        """The next face of the batch, by the share of the first."""
        return Mixing(_next(drawn), drawn[0, 0])

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """The weighted mean with the next image."""
        share = drawn[0, 0]
        return share * images + (1 - share) * images[_next(drawn)]


class Cutmix(_Mixer):
    """A rectangle of one face in another: CutMix (arXiv 1905.04899).

    Args:
        alpha: the share of an image's own face is of the distribution Beta(alpha, alpha).
        p: the share of batches.
    """

    numbers: ClassVar[int] = 4

    def draw(self, uniform: Tensor) -> Tensor:
        """The share that is kept, then top, left, bottom and right of the rectangle as shares."""
        side = (1 - self.shares(uniform)).sqrt()
        middle = uniform[:, 2:].T
        least, most = (middle - side / 2).clamp(0, 1), (middle + side / 2).clamp(0, 1)
        area = (most - least).prod(0)
        return torch.stack([1 - area, *least, *most], 1)

    def mixing(self, drawn: Tensor) -> Mixing:
        """The next face of the batch, by what the rectangle leaves."""
        return Mixing(_next(drawn), drawn[0, 0])

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """The next image where the rectangle is."""
        return torch.where(inside_box(drawn[:1, 1:], images), images[_next(drawn)], images)


def _next(drawn: Tensor) -> Tensor:
    """The position of the face after each of a batch, the first one's after the last."""
    return torch.arange(len(drawn), device=drawn.device).roll(-1)


def beta(uniform: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Numbers of the distribution Beta(alpha, alpha), by the inverse of what it holds below x.

    The half below 1/2 is integrated over y = x^alpha, where its density is smooth:
    ``(1 - y^(1 / alpha))^(alpha - 1)`` up to a factor; the other half is its mirror image.

    Args:
        uniform: 0 to 1.
        alpha: above 0.
    """
    y = np.linspace(0, 0.5**alpha, _GRID)
    density = (1 - y ** (1 / alpha)) ** (alpha - 1)
    held = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    below = np.interp(2 * np.minimum(uniform, 1 - uniform), held / held[-1], y) ** (1 / alpha)
    found: NDArray[np.float64] = np.where(uniform < 0.5, below, 1 - below)
    return found
