"""The augmentations of colours, sharpness, place and holes that come with agekit."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from agekit.data.augmentation import Augmentation, chosen, require_range, require_share
from agekit.errors import ConfigError

__all__ = [
    "LUMA",
    "Blur",
    "Colour",
    "Erasing",
    "Grey",
    "Rotation",
    "between",
    "both_ways",
    "inside_box",
]

LUMA = (0.299, 0.587, 0.114)
"""Of ITU-R BT.601, as JPEG and torchvision have it."""


def _luma(images: Tensor) -> Tensor:
    """(N, 3, S, S) to brightness (N, 1, S, S)."""
    red, green, blue = images.unbind(1)
    luma: Tensor = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return luma[:, None]


def both_ways(*rows: tuple[float, float, float]) -> Tensor:
    """A matrix from RGB to another space of colours, and the one back, (2, 3, 3)."""
    there = torch.tensor(rows, dtype=torch.float64)
    return torch.stack([there, torch.linalg.inv(there)]).float()


def between(low: float, high: float, uniform: Tensor) -> Tensor:
    """Uniform numbers from `low` to `high`, of those from 0 to 1."""
    return low + (high - low) * uniform


class Grey(Augmentation):
    """Images without colour.

    Args:
        p: the share of images.
    """

    def __init__(self, *, p: float = 0.2) -> None:
        super().__init__()
        self.p = require_share("grey: p", p)

    def draw(self, uniform: Tensor) -> Tensor:
        """True if each image is changed."""
        return (uniform < self.p).float()

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Three channels of the brightness."""
        return chosen(drawn, _luma(images).expand_as(images), images)


class Colour(Augmentation):
    """Brightness, contrast, saturation and hue, as torchvision's ``ColorJitter``, in this order.

    Args:
        brightness: images are multiplied by a factor from 1 - it to 1 + it.
        contrast: so is the distance from the mean brightness.
        saturation: so is the distance from the grey image.
        hue: colours turn by up to this share of the circle, either way, at one brightness.
        p: the share of images.
    """

    numbers: ClassVar[int] = 5
    yiq: Tensor

    def __init__(
        self,
        *,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        hue: float = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__()
        self.p = require_share("colour: p", p)
        self.spans = [
            require_share(f"colour: {name}", value)
            for name, value in (
                ("brightness", brightness),
                ("contrast", contrast),
                ("saturation", saturation),
            )
        ]
        if not 0 <= hue <= 0.5:
            raise ConfigError(f"colour: hue must be from 0 to 0.5 (got {hue:g})")
        self.hue = hue
        yiq = both_ways(LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
        self.register_buffer("yiq", yiq)

    def draw(self, uniform: Tensor) -> Tensor:
        """Draws which images are changed, their three factors, and the angles of their hues."""
        factors = [between(1 - s, 1 + s, uniform[:, k + 1]) for k, s in enumerate(self.spans)]
        angle = 2 * math.pi * between(-self.hue, self.hue, uniform[:, 4])
        return torch.stack([(uniform[:, 0] < self.p).float(), *factors, angle], 1)

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """The factors one after the other; the hue turns the plane of YIQ."""
        bright, contrast, saturation, angle = drawn[:, 1:].T.reshape(4, -1, 1, 1, 1)
        out = (images * bright).clamp(0, 1)
        mean = _luma(out).mean((2, 3), keepdim=True)
        out = (mean + (out - mean) * contrast).clamp(0, 1)
        grey = _luma(out)
        out = (grey + (out - grey) * saturation).clamp(0, 1)
        if self.hue:
            out = _turned(self.yiq, out, angle)
        return chosen(drawn, out, images)


def _turned(matrices: Tensor, images: Tensor, angle: Tensor) -> Tensor:
    """Colours turned by angles (N, 1, 1, 1) about the axis of greys."""
    y, i, q = torch.einsum("ij,njhw->nihw", matrices[0], images).unbind(1)
    cos, sin = angle.cos()[:, 0], angle.sin()[:, 0]
    yiq = torch.stack([y, cos * i - sin * q, sin * i + cos * q], 1)
    return torch.einsum("ij,njhw->nihw", matrices[1], yiq).clamp(0, 1)


class Blur(Augmentation):
    """A Gaussian blur.

    Args:
        sigma: the least and the largest standard deviation, pixels.
        p: the share of images.
    """

    numbers: ClassVar[int] = 2

    def __init__(self, *, sigma: tuple[float, float] = (0.1, 2.0), p: float = 0.2) -> None:
        super().__init__()
        self.p = require_share("blur: p", p)
        self.sigma = require_range("blur: sigma", sigma, 0.01, 100)

    def draw(self, uniform: Tensor) -> Tensor:
        """Draws which images are changed, and their sigmas."""
        return torch.stack(
            [(uniform[:, 0] < self.p).float(), between(*self.sigma, uniform[:, 1])], 1
        )

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Rows, then columns, by two batched products with the weights of each image."""
        at = torch.arange(images.shape[-1], device=images.device, dtype=images.dtype)
        weights = torch.exp(-((at[:, None] - at) ** 2) / (2 * drawn[:, 1].view(-1, 1, 1) ** 2))
        weights = (weights / weights.sum(-1, keepdim=True))[:, None]
        return chosen(drawn, weights @ images @ weights.transpose(-1, -2), images)


class Rotation(Augmentation):
    """Turned, scaled and shifted at once, bilinear; what comes in from outside repeats the edge.

    Args:
        degrees: the largest angle, either way.
        scale: the least and the largest factor of the size of the face.
        shift: the largest shift, either way, as a share of the side.
        p: the share of images.
    """

    numbers: ClassVar[int] = 5

    def __init__(
        self,
        *,
        degrees: float = 10.0,
        scale: tuple[float, float] = (1.0, 1.0),
        shift: float = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__()
        self.p = require_share("rotation: p", p)
        (_, self.degrees) = require_range("rotation: degrees", (0.0, degrees), 0, 180)
        self.scale = require_range("rotation: scale", scale, 0.1, 10)
        self.shift = require_share("rotation: shift", shift)

    def draw(self, uniform: Tensor) -> Tensor:
        """Draws which images are changed, and the two rows of their affine maps."""
        on, angle, scale, right, down = uniform.double().T
        angle = math.radians(self.degrees) * (2 * angle - 1)
        scale = 1 / between(*self.scale, scale)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        # Where a pixel of the result is taken from; the image is 2 wide, from -1 to 1.
        right, down = (2 * self.shift * (2 * one - 1) for one in (right, down))
        rows = [cos, sin, -cos * right - sin * down, -sin, cos, sin * right - cos * down]
        return torch.stack([(on < self.p).double(), *rows], 1).float()

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Samples the images where their maps say."""
        grid = F.affine_grid(drawn[:, 1:].reshape(-1, 2, 3), list(images.shape), False)
        turned = F.grid_sample(images, grid, "bilinear", "border", False)
        return chosen(drawn, turned, images)


class Erasing(Augmentation):
    """A rectangle of each image in one colour: random erasing (arXiv 1708.04896).

    Args:
        p: the share of images.
        area: the least and the largest share of the image.
        ratio: the least and the largest height / width; uniform in the logarithm.
        colour: of a random colour each; else of middle grey.
    """

    numbers: ClassVar[int] = 8

    def __init__(
        self,
        *,
        p: float = 0.25,
        area: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        colour: bool = True,
    ) -> None:
        super().__init__()
        self.p = require_share("erasing: p", p)
        self.area = require_range("erasing: area", area, 0, 1)
        self.ratio = require_range("erasing: ratio", ratio, 0.01, 100)
        self.colour = colour

    def draw(self, uniform: Tensor) -> Tensor:
        """Draws which images are changed; top, left, bottom and right as shares; the colours."""
        on, area, ratio, top, left = uniform[:, :5].T
        area = between(*self.area, area)
        ratio = torch.exp(between(math.log(self.ratio[0]), math.log(self.ratio[1]), ratio))
        height, width = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        top, left = top * (1 - height), left * (1 - width)
        box = [(on < self.p).float(), top, left, top + height, left + width]
        colour = uniform[:, 5:] if self.colour else torch.full_like(uniform[:, 5:], 0.5)
        return torch.cat([torch.stack(box, 1), colour], 1)

    def forward(self, images: Tensor, drawn: Tensor) -> Tensor:
        """The colour where the rectangle is."""
        inside = inside_box(drawn[:, 1:5], images)
        erased = torch.where(inside, drawn[:, 5:, None, None], images)
        return chosen(drawn, erased, images)


def inside_box(boxes: Tensor, images: Tensor) -> Tensor:
    """Which pixels have their middle in boxes (N, 4) of top, left, bottom, right: (N, 1, S, S)."""
    size = images.shape[-1]
    middle = (torch.arange(size, device=images.device) + 0.5) / size
    top, left, bottom, right = boxes.T.reshape(4, -1, 1, 1, 1)
    rows, columns = middle.view(-1, 1), middle
    inside: Tensor = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return inside
