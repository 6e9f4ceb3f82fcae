"""Crop, flip and normalise whole batches on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.base_loader import generator
from agekit.device import has_bfloat16

__all__ = ["Augment", "crop", "normalise", "warp"]


_TRIES = 10
_BLOCK = 65_536
"""Rows drawn at a time, so that millions take no memory to speak of."""


@dataclass(frozen=True)
class Augment:
    """Random resized crop and horizontal flip; the crop is torchvision's `RandomResizedCrop`.

    Attributes:
        crop_scale: smallest and largest share of the image's area a crop has; uniform.
        crop_ratio: smallest and largest width / height of a crop; uniform in the logarithm.
        flip: the probability of a flip.
    """

    crop_scale: tuple[float, float] = (0.8, 1.0)
    crop_ratio: tuple[float, float] = (0.8, 1.25)
    flip: float = 0.5

    def draw(self, rows: int, seed: int, epoch: int, size: int | None = None) -> Tensor:
        """The windows of one epoch: row i's depends on seed, epoch, size and i alone.

        Area and ratio are drawn anew until the crop fits, ten times at most; then the largest
        crop of an allowed ratio is taken, in the middle. Cutting a crop that is too large to the
        image instead would change both its area and its ratio. Boxes are of whole pixels of the
        image as it is stored, as torchvision's are of the image it is given: so the sizes that
        can occur, and how often, are the same. All is drawn on the CPU, for a whole epoch at
        once: the same on every device, and no step waits for it.

        Args:
            rows: N.
            seed: of the run.
            epoch: counted from 0.
            size: S, the side of the images, pixels; None draws boxes of no whole pixels.

        Returns:
            (N, 4) float32 on the CPU: top, height, left, width as shares of the image; of a
            flipped crop, left is its right edge and the width is negative.
        """
        random = generator(seed, epoch, "augment")
        blocks = [min(_BLOCK, rows - start) for start in range(0, rows, _BLOCK)]
        drawn = [torch.rand(n, 2 * _TRIES + 3, generator=random) for n in blocks]
        return torch.cat([self._windows(u.double(), size) for u in drawn] or [torch.empty(0, 4)])

    def _windows(self, u: Tensor, pixels: int | None) -> Tensor:
        """Windows (N, 4) from uniform numbers (N, 23)."""
        size = pixels or 1
        low, high = self.crop_scale
        area = (low + (high - low) * u[:, :_TRIES]) * size**2
        low, high = (math.log(r) for r in self.crop_ratio)
        ratio = torch.exp(low + (high - low) * u[:, _TRIES : 2 * _TRIES])
        sides = torch.stack([area / ratio, area * ratio]).sqrt_()
        sides = sides.round_() if pixels else sides
        fits = ((sides > 0) & (sides <= size)).all(0)
        first = fits.byte().argmax(1)
        found = fits.any(1)
        sides = sides[:, torch.arange(len(u)), first]
        least, most = self.crop_ratio
        largest = torch.tensor([[size / max(least, 1)], [size * min(most, 1)]]).double()
        largest = largest.round_().clamp_(min=1) if pixels else largest
        height, width = torch.where(found, sides, largest)
        free = size - torch.stack([height, width])
        start = torch.where(found, u.T[-3:-1] * (free + (1 if pixels else 0)), free / 2)
        top, left = start.floor_() if pixels else start
        flipped = u[:, -1] < self.flip
        left = torch.where(flipped, left + width, left)
        width = torch.where(flipped, -width, width)
        return torch.stack([top, height, left, width], 1).div(size).float()


def crop(
    pixels: Tensor,
    windows: Tensor,
    mean: Tensor,
    std: Tensor,
    *,
    channels_last: bool = False,
    exact: bool = False,
) -> Tensor:
    """Crops, flips, scales back to the full size (bilinear) and normalises.

    Two batched matrix products: rows, then columns. They run in bfloat16 where the processor has
    instructions for it, on values from -128 to 127, which it holds exactly; the error is about
    that of rounding the result to whole grey levels.

    Args:
        pixels: (N, S, S, 3) uint8.
        windows: (N, 4), from `Augment.draw`.
        mean: (3,) of pixels from 0 to 1.
        std: (3,) likewise.
        channels_last: the memory format of the result.
        exact: never in bfloat16, so that the result is the same on every processor.

    Returns:
        (N, 3, S, S) float32.
    """
    n, size = pixels.shape[:2]
    short = not exact and has_bfloat16(pixels.device)
    dtype = torch.bfloat16 if short else torch.float32
    rows, columns = _weights(windows.view(n, 2, 2), size, dtype).unbind(1)
    image = pixels.to(dtype).sub_(128).view(n, size, size * 3)
    image = torch.bmm(rows, image).view(n, size, size, 3)
    image = image.permute(0, 3, 1, 2).reshape(n, 3 * size, size)
    image = torch.bmm(image, columns.transpose(1, 2)).view(n, 3, size, size)
    return _standardise(image, mean - 128 / 255, std, channels_last)


def warp(pixels: NDArray[np.uint8], windows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Crops, flips and scales back as `crop` does, on the host, one image after another.

    A CPU's loader calls it in the thread that gathers the next batch, so that no training step
    waits for it. OpenCV's bilinear weights are of 1/32 pixel: a grey level may differ by rounding.

    Args:
        pixels: (N, S, S, 3).
        windows: (N, 4), from `Augment.draw`.

    Returns:
        (N, S, S, 3).
    """
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    scale, start = windows[:, 1::2], windows[:, ::2] * size
    shift = start + (scale - 1) / 2
    for image, (y, x), (down, right), place in zip(pixels, shift, scale, out, strict=True):
        matrix = np.array([[right, 0, x], [0, down, y]], np.float32)
        cv2.warpAffine(image, matrix, (size, size), place, flags, cv2.BORDER_REPLICATE)
    return out


def normalise(
    pixels: Tensor,
    mean: Tensor,
    std: Tensor,
    *,
    crop_pct: float = 1.0,
    channels_last: bool = False,
) -> Tensor:
    """Normalises for evaluation: (N, S, S, 3) uint8 to (N, 3, S, S) float32.

    Args:
        pixels: the images.
        mean: (3,) of pixels from 0 to 1.
        std: (3,) likewise.
        crop_pct: the share of each side that is kept, in the middle, and scaled back to S. A
            network trained on random crops sees faces enlarged; this shows them at the same size
            (the resolution discrepancy of Touvron et al., 2019).
        channels_last: the memory format of the result.
    """
    if crop_pct < 1:
        edge = (1 - crop_pct) / 2
        window = torch.tensor([edge, crop_pct, edge, crop_pct], device=pixels.device)
        windows = window.expand(len(pixels), 4).contiguous()
        return crop(pixels, windows, mean, std, channels_last=channels_last, exact=True)
    return _standardise(pixels.permute(0, 3, 1, 2), mean, std, channels_last)


def _standardise(image: Tensor, mean: Tensor, std: Tensor, channels_last: bool) -> Tensor:
    scale, shift = 1 / (255 * std), mean / std
    if not channels_last:
        out = image.to(torch.float32, memory_format=torch.contiguous_format)
        return out.mul_(scale.view(3, 1, 1)).sub_(shift.view(3, 1, 1))
    n, size = len(image), image.shape[-1]
    out = image.permute(0, 2, 3, 1).contiguous().to(torch.float32).view(n, size, size * 3)
    out = out.mul_(scale.repeat(size)).sub_(shift.repeat(size))
    return out.view(n, size, size, 3).permute(0, 3, 1, 2)


def _weights(spans: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """The bilinear weights (N, 2, S, S) that read spans (N, 2, 2) of start and length."""
    centres = torch.arange(size, device=spans.device) + 0.5
    at = spans[..., :1] * size + centres * spans[..., 1:]
    at = at.clamp_(0.5, size - 0.5)
    return (at[..., None] - centres).abs_().neg_().add_(1).clamp_(min=0).to(dtype)
