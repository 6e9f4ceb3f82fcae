"""Drawing in face units on planar float pictures, anti-aliased; and the noise fields drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.identity import rng_for

__all__ = ["EXTENT", "SHIFT", "Canvas", "axis", "blend", "ellipse", "noise", "spline"]

EXTENT = 1.08
"""Half the side of the canvas in face units; the finished photo shows about -1 to 1."""

SHIFT = 5
"""Fractional bits of the coordinates that OpenCV draws with."""

_BLOCK = 16

Colour = Sequence[float] | NDArray[np.floating]
Plane = NDArray[np.float32]
Points = NDArray[np.float64]


class Canvas:
    """A square of `side` pixels that spans ±`EXTENT` face units both ways.

    Args:
        side: pixels.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.unit = side / (2 * EXTENT)
        self.axis = axis(side)

    def mask(self, *shapes: Points) -> NDArray[np.uint8]:
        """The union of filled polygons as coverage (side, side), 0 to 255."""
        mask = np.zeros((self.side, self.side), np.uint8)
        for shape in shapes:
            cv2.fillPoly(mask, [self.fixed(shape)], 255, cv2.LINE_AA, SHIFT)
        return mask

    def stroke(
        self,
        mask: NDArray[np.uint8],
        lines: Sequence[NDArray[np.int32]],
        width: float,
        value: float,
    ) -> None:
        """Draws open `fixed` lines into a mask: width in face units, value 0 to 1."""
        thick = max(1, round(width * self.unit))
        level = min(255.0, max(0.0, value * 255))
        cv2.polylines(mask, lines, False, level, thick, cv2.LINE_AA, SHIFT)

    def fixed(self, points: Points) -> NDArray[np.int32]:
        """Face units (..., 2) to the fixed-point pixel coordinates that OpenCV draws with."""
        scale = self.unit * (1 << SHIFT)
        start = EXTENT * scale - 0.5 * (1 << SHIFT)
        return np.rint(points * scale + start).astype(np.int32)

    def window(self, shapes: Sequence[Points], pad: float) -> tuple[slice, slice]:
        """The rows and columns that hold some points and `pad` face units about them."""
        points = shapes[0] if len(shapes) == 1 else np.concatenate(shapes)
        x, y, wide, high = (edge >> SHIFT for edge in cv2.boundingRect(self.fixed(points)))
        margin = int(pad * self.unit) + 2
        last = self.side - 1
        left, top = min(max(x - margin, 0), last), min(max(y - margin, 0), last)
        right = min(max(x + wide + margin, left + 1), self.side)
        bottom = min(max(y + high + margin, top + 1), self.side)
        return slice(top, bottom), slice(left, right)

    def cover(
        self,
        shapes: Sequence[Points],
        window: tuple[slice, slice],
        soft: float = 0.0,
        line: float = 0.0,
    ) -> Plane:
        """Coverage 0 to 1 inside a window: filled polygons, or open lines `line` units wide."""
        rows, columns = window
        mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        shift = np.array([columns.start << SHIFT, rows.start << SHIFT], np.int32)
        fixed = [self.fixed(shape) - shift for shape in shapes]
        if line:
            thick = max(1, round(line * self.unit))
            cv2.polylines(mask, fixed, False, 255.0, thick, cv2.LINE_AA, SHIFT)
        else:
            cv2.fillPoly(mask, fixed, 255.0, cv2.LINE_AA, SHIFT)
        cover = mask.astype(np.float32) * np.float32(1 / 255)
        if soft:
            cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft * self.unit), np.float32)
        return cover

    def paint(
        self,
        image: Plane,
        shapes: Sequence[Points],
        colour: Colour,
        opacity: float = 1.0,
        soft: float = 0.0,
        line: float = 0.0,
    ) -> None:
        """Blends one colour into a planar picture (3, side, side) over shapes or lines."""
        if opacity <= 0:
            return
        window = self.window(shapes, 2.5 * soft + line)
        cover = self.cover(shapes, window, soft, line) * np.float32(opacity)
        blend(image[:, window[0], window[1]], cover, colour)

    def bumps(
        self, centres: Points, widths: NDArray[np.float64], heights: NDArray[np.float64]
    ) -> Plane:
        """A sum of Gaussian bumps along the axes (side, side).

        Args:
            centres: (K, 2), face units.
            widths: (K, 2), deviations across and down, face units.
            heights: (K,).
        """
        offset = self.axis[None, None, :] - centres[:, :, None].astype(np.float32)
        curve = np.exp(offset * offset * (-0.5 / widths**2)[:, :, None].astype(np.float32))
        columns = curve[:, 0]
        rows = (curve[:, 1] * heights[:, None].astype(np.float32)).T
        blocks = rows.reshape(-1, _BLOCK, len(centres))
        field: Plane = (blocks @ columns).reshape(self.side, self.side)
        return field


def blend(image: Plane, cover: Plane, colour: Colour | Plane, strength: float = 1.0) -> None:
    """Moves a planar picture (3, H, W) towards a colour (3,) or picture by a cover (H, W).

    Args:
        image: changed in place.
        cover: 0 (keep) to 1.
        colour: RGB, or a picture (3, H, W).
        strength: factor of the colour.
    """
    whole = isinstance(colour, np.ndarray) and colour.ndim == 3
    targets = colour if whole else np.asarray(colour, np.float32)
    for plane, target in zip(image, targets, strict=True):
        step = (target if strength == 1 else target * np.float32(strength)) - plane
        step *= cover
        plane += step


@lru_cache(maxsize=16)
def axis(side: int) -> Plane:
    """The face coordinate of each pixel centre along one side of the canvas (side,)."""
    centres = ((np.arange(side) + 0.5) / side * 2 - 1) * EXTENT
    return centres.astype(np.float32)


@lru_cache(maxsize=64)
def _spline_basis(n: int, closed: bool, steps: int) -> NDArray[np.float64]:
    segments = n if closed else n - 1
    t = np.arange(steps) / steps
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    )
    basis = np.zeros((segments * steps + (0 if closed else 1), n))
    for segment in range(segments):
        for j in range(4):
            knot = segment + j - 1
            knot = knot % n if closed else min(max(knot, 0), n - 1)
            basis[segment * steps : (segment + 1) * steps, knot] += weights[j]
    if not closed:
        basis[-1, -1] = 1.0
    return basis


def spline(points: Points, closed: bool = False, steps: int = 5) -> Points:
    """A Catmull-Rom curve through points (..., N, 2), `steps` samples a segment."""
    curve: Points = _spline_basis(points.shape[-2], closed, steps) @ points
    return curve


@lru_cache(maxsize=8)
def _circle(n: int) -> Points:
    angle = np.arange(n) * (2 * np.pi / n)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, n: int = 20) -> Points:
    """An ellipse as a polygon (n, 2)."""
    outline: Points = _circle(n) * np.array([rx, ry]) + np.array([x, y])
    return outline


@lru_cache(maxsize=64)
def noise(side: int, cells: float, variant: int) -> Plane:
    """Smooth noise (side, side), mean 0 and deviation 1, about `cells` bumps across the canvas.

    Drawn on a fixed grid and resized, so that pictures of every size show the same pattern.
    """
    grid = max(4, round(cells))
    coarse = rng_for(7, grid, variant).standard_normal((grid, grid)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    if grid > side:
        field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)
