"""Faces in bands of detail: luminance and colour, blurred, in units of the face.

After the Laplacian stack of Tiddeman, Burt and Perrett, "Prototyping and transforming facial
textures for perception research" (IEEE Computer Graphics and Applications 2001).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "SCALES",
    "blur",
    "core_of",
    "eyes",
    "forehead",
    "mouth",
    "normalise",
    "oval",
    "split",
    "step",
    "to_rgb",
    "to_ycc",
]

SCALES = (1 / 38, 2 / 38, 4 / 38, 8 / 38)
"""Deviations of the Gaussians between the bands, in distances of the eyes."""
CONTRAST = 0.15
"""To which the luminance of a face is normalised: its deviation, of a range of 1."""
LEAST_CONTRAST = 0.06
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""ITU-R BT.601: RGB to luminance and two differences of colour."""
_RGB = np.linalg.inv(_YCC)


def to_ycc(rgb: Tensor) -> Tensor:
    """Luminance and colour: (N, 3, S, S) RGB from 0 to 1, to Y, Cb and Cr, linear in them."""
    return _mixed(_YCC, rgb)


def to_rgb(ycc: Tensor) -> Tensor:
    """The way back from `to_ycc`."""
    return _mixed(_RGB, ycc)


def _mixed(matrix: NDArray[np.float64], channels: Tensor) -> Tensor:
    """A matrix times the channels; its numbers are no tensor that each step copies to the GPU."""
    a, b, c = channels.unbind(1)
    return torch.stack([i * a + j * b + k * c for i, j, k in matrix.tolist()], 1)


def blur(images: Tensor, deviation: float) -> Tensor:
    """Blurs by a Gaussian, one axis after the other; what lies at the edge goes on beyond it.

    Args:
        images: (N, C, H, W).
        deviation: in pixels.
    """
    reach = max(1, math.ceil(3 * deviation))
    ticks = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (ticks / deviation) ** 2)
    kernel = kernel / kernel.sum()
    n, c, h, w = images.shape
    flat = images.reshape(n * c, 1, h, w)
    pad = torch.nn.functional.pad(flat, (reach, reach, reach, reach), mode="replicate")
    rows = torch.nn.functional.conv2d(pad, kernel.reshape(1, 1, 1, -1))
    return torch.nn.functional.conv2d(rows, kernel.reshape(1, 1, -1, 1)).reshape(n, c, h, w)


def split(images: Tensor, eyes: float) -> list[Tensor]:
    """The bands of images, finest first; their sum is the images.

    Args:
        images: (N, C, S, S).
        eyes: the distance of the eyes, pixels.

    Returns:
        One more than there are `SCALES`: differences of Gaussians, and what is left.
    """
    bands, last = [], images
    for scale in SCALES:
        low = blur(images, scale * eyes)
        bands.append(last - low)
        last = low
    return [*bands, last]


def oval(points: NDArray[np.float64], size: int, device: torch.device | None = None) -> Tensor:
    """How far each pixel lies from the middle of a face, 1 at the outline of a usual one: (S, S).

    It and the fields below are made where they are used: no step copies them to the GPU.

    Args:
        points: (5, 2) of eyes, nose and corners of the mouth, shares of the side.
        size: S.
        device: where; None is the CPU.
    """
    eye, mouth = points[:2].mean(0), points[3:].mean(0)
    distance = float(np.linalg.norm(points[1] - points[0]))
    x, y = _offsets(eye + 0.42 * (mouth - eye), size, device)
    return _length(x / (1.14 * distance), torch.maximum(-y / 1.7, y / 1.5) / distance)


def forehead(points: NDArray[np.float64], size: int, device: torch.device | None = None) -> Tensor:
    """1 up to the middle of the forehead, 0 at the hairline: (S, 1).

    Hair falls into the foreheads of mean faces, and is not to darken those of others.
    """
    distance = float(np.linalg.norm(points[1] - points[0]))
    _, below = _offsets(points[:2].mean(0), size, device)
    return step(-below / distance, 0.55, 0.95)


def eyes(points: NDArray[np.float64], size: int, device: torch.device | None = None) -> Tensor:
    """1 on both eyes with their lids, 0 from the brows on: (S, S)."""
    distance = float(np.linalg.norm(points[1] - points[0]))
    left, right = (_offsets(one, size, device) for one in points[:2])
    far = torch.minimum(*(_length(x / 0.36, y / 0.2) for x, y in (left, right)))
    return step(far / distance, 0.6, 1.0)


def mouth(points: NDArray[np.float64], size: int, device: torch.device | None = None) -> Tensor:
    """1 on the lips and what is between them, 0 from the chin and the cheeks on: (S, S)."""
    wide = float(np.linalg.norm(points[4] - points[3]))
    x, y = _offsets(points[3:].mean(0), size, device)
    return step(_length(x / 0.62, y / 0.36) / wide, 0.6, 1.0)


def _offsets(
    middle: NDArray[np.float64], size: int, device: torch.device | None
) -> tuple[Tensor, Tensor]:
    """How far pixels lie right of a point, (1, S), and below it, (S, 1), shares of the side."""
    ticks = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / size
    return ticks[None] - float(middle[0]), ticks[:, None] - float(middle[1])


def _length(x: Tensor, y: Tensor) -> Tensor:
    return (x * x + y * y).sqrt()


def step(values: Tensor, low: float, high: float) -> Tensor:
    """From 1 at `low` to 0 at `high`, smoothly."""
    t = ((high - values) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def core_of(far: Tensor) -> Tensor:
    """The part of faces by which exposure and contrast are measured, 0 to 1, from an `oval`."""
    return step(far, 0.6, 0.75)


def normalise(ycc: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Takes exposure, contrast and tint from faces.

    Args:
        ycc: (N, 3, S, S) of `to_ycc`.
        weight: (N or 1, 1, S, S) what is measured; not all zero.

    Returns:
        (N, 3, S, S) with means of 0 there, the luminance with a deviation of `CONTRAST` unless it
        was flat; and (N, 3, 1, 1) what they are to be multiplied by to have their contrast again.
    """
    share = weight / weight.sum((2, 3), keepdim=True)
    mean = (ycc * share).sum((2, 3), keepdim=True)
    light = ycc[:, :1] - mean[:, :1]
    spread = (light * light * share).sum((2, 3), keepdim=True).sqrt().clamp(min=LEAST_CONTRAST)
    scale = torch.cat([spread / CONTRAST, torch.ones_like(spread), torch.ones_like(spread)], 1)
    return (ycc - mean) / scale, scale
