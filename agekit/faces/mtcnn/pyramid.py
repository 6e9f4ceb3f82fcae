"""Same-sized pictures at many sizes, and square crops of any size out of them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align  # type: ignore[import-untyped]

__all__ = ["Pyramid"]


class Pyramid:
    """N pictures of one size and their halvings.

    Coordinates are in pixels of the pictures given, (0, 0) the upper left corner. What lies
    outside a picture is grey.

    Args:
        pixels: (N, H, W, 3) uint8.
        smallest: side in pixels below which no further halving is needed.
    """

    def __init__(self, pixels: Tensor, smallest: int = 12) -> None:
        top = (pixels.permute(0, 3, 1, 2).float() - 127.5) / 128
        self.halvings = [top.contiguous()]
        while min(self.halvings[-1].shape[2:]) >= 2 * smallest:
            self.halvings.append(F.avg_pool2d(self.halvings[-1], 2, ceil_mode=True))

    def __len__(self) -> int:
        return len(self.halvings[0])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        height, width = self.halvings[0].shape[2:]
        return height, width

    def scaled(self, scale: float) -> tuple[Tensor, tuple[float, float]]:
        """The pictures at another size.

        Args:
            scale: about how large, 1 as given.

        Returns:
            (N, 3, h, w), -1 to 1, and the exact scales along x and y.
        """
        level = min(max(0, math.floor(-math.log2(scale))), len(self.halvings) - 1)
        source = self.halvings[level]
        height, width = source.shape[2:]
        step = 2.0**level
        new = [max(1, round(side * step * scale)) for side in (height, width)]
        if new != [height, width]:
            source = F.interpolate(source, size=new, mode="bilinear", antialias=True)
        return source, (new[1] / (width * step), new[0] / (height * step))

    def crops(self, boxes: Tensor, owner: Tensor, side: int) -> Tensor:
        """Cuts squares out and scales them to one size, to a fraction of a pixel.

        Each is cut from the halving in which it is one to two times the size asked for.

        Args:
            boxes: (M, 4) x0, y0, x1, y1.
            owner: (M,) int64, which picture each is in.
            side: of the crops, in pixels.

        Returns:
            (M, 3, side, side), -1 to 1.
        """
        level = self._level(boxes[:, 2] - boxes[:, 0], side)
        crops = boxes.new_empty(len(boxes), 3, side, side)
        rois = torch.cat([owner[:, None].to(boxes.dtype), boxes], dim=1)
        for k, halving in enumerate(self.halvings):
            here = (level == k).nonzero()[:, 0]
            crops[here] = roi_align(
                halving,
                rois[here],
                side,
                spatial_scale=0.5**k,
                sampling_ratio=2,
                aligned=True,
            )
        return crops

    def turned(
        self, centre: Tensor, sides: Tensor, along: Tensor, owner: Tensor, side: int
    ) -> Tensor:
        """Cuts turned squares out, each pixel the mean of four samples.

        Args:
            centre: (M, 2) of the squares.
            sides: (M,) of the squares.
            along: (M, 2) of length 1, the direction that points to the right in the crop.
            owner: (M,) int64, which picture each is in.
            side: of the crops, in pixels.

        Returns:
            (M, 3, side, side), -1 to 1.
        """
        fine = 2 * side
        share = (torch.arange(fine, device=sides.device) + 0.5) / fine - 0.5
        steps = share[:, None] * sides[:, None, None] * along[:, None]
        right, down = (
            steps[:, None],
            torch.stack([-steps[..., 1], steps[..., 0]], dim=2)[:, :, None],
        )
        spots = centre[:, None, None] + right + down
        level = self._level(sides, side)
        samples = spots.new_empty(len(spots), 3, fine, fine)
        for k, n in set(zip(level.tolist(), owner.tolist(), strict=True)):
            here = ((level == k) & (owner == n)).nonzero()[:, 0]
            picture = self.halvings[k][n : n + 1]
            height, width = picture.shape[2:]
            grid = spots[here] * spots.new_tensor([0.5**k * 2 / width, 0.5**k * 2 / height]) - 1
            source = picture.expand(len(here), -1, -1, -1)
            samples[here] = F.grid_sample(source, grid, align_corners=False)
        return F.avg_pool2d(samples, 2)

    def _level(self, sides: Tensor, side: int) -> Tensor:
        """The halving in which squares are one to two times `side`, or the nearest to that."""
        level = (sides.clamp(min=1) / side).log2().floor().long()
        return level.clamp(0, len(self.halvings) - 1)
