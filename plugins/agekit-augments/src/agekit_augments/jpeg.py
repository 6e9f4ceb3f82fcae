"""The augmentation `jpeg`: what is lost by saving an image."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from agekit.data.augmentation import Augmentation, chosen, require_range, require_share
from agekit_augments.pixels import LUMA, between, both_ways

__all__ = ["Jpeg"]


class Jpeg(Augmentation):
    """What JPEG leaves of an image at a quality, without the halving of its colours.

    Args:
        quality: the lowest and the highest, 1 to 100, as libjpeg counts them.
        p: the share of images.
    """

    numbers: ClassVar[int] = 2
    ycc: Tensor
    cosine: Tensor
    table: Tensor
    offset: Tensor

    def __init__(self, *, quality: tuple[float, float] = (30.0, 90.0), p: float = 0.2) -> None:
        super().__init__()
        self.p = require_share("jpeg: p", p)
        self.quality = require_range("jpeg: quality", quality, 1, 100)
        ycc = both_ways(LUMA, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
        self.register_buffer("ycc", ycc)
        self.register_buffer("cosine", torch.tensor(_COSINES))
        tables = torch.tensor([_BRIGHT, _COLOURED, _COLOURED]).float().view(3, 1, 1, 8, 8)
        self.register_buffer("table", tables)
        self.register_buffer("offset", torch.tensor([128.0, 0.0, 0.0]).view(3, 1, 1))

    def draw(self, uniform: Tensor) -> Tensor:
        """Draws which images are changed, and what their quality multiplies the tables by."""
        quality = between(*self.quality, uniform[:, 1]).round()
        factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
        return torch.stack([(uniform[:, 0] < self.p).float(), factor], 1)

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Blocks of 8 x 8 in YCbCr, their cosine transforms rounded to the steps of the tables."""
        n, _, size, _ = images.shape
        room = -size % 8
        side = size + room
        step = (self.table * drawn[:, 1].view(-1, 1, 1, 1, 1, 1)).round().clamp(1, 255)
        whole = torch.einsum("ij,njhw->nihw", self.ycc[0], images * 255) - self.offset
        blocks = F.pad(whole, (0, room, 0, room), "replicate")
        blocks = blocks.reshape(n, 3, side // 8, 8, side // 8, 8).transpose(3, 4)
        kept = (self.cosine @ blocks @ self.cosine.T / step).round() * step
        blocks = (self.cosine.T @ kept @ self.cosine).transpose(3, 4).reshape(n, 3, side, side)
        whole = blocks[..., :size, :size] + self.offset
        out = torch.einsum("ij,njhw->nihw", self.ycc[1], whole) / 255
        return chosen(drawn, out.clamp(0, 1), images)


_COSINES = [
    [math.sqrt((1 if k else 0.5) / 4) * math.cos((2 * x + 1) * k * math.pi / 16) for x in range(8)]
    for k in range(8)
]
"""The orthonormal cosine transform of eight values."""
_BRIGHT = [
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
]
"""The table of brightness of ITU-T T.81, K.1, at quality 50."""
_COLOURED = [
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *[99] * 32,
]
"""The table of colour of ITU-T T.81, K.2, at quality 50."""
