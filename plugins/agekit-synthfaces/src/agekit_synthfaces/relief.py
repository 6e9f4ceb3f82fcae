"""The height of the face as a field, and the light on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import Canvas
from agekit_synthfaces.shape import CHIN, EYE, Shape

__all__ = ["Light", "heights", "shade"]

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from, and how it looks.

    Attributes:
        x: from the left (negative) or the right.
        y: from above (negative) or below.
        ambient: the share that comes from everywhere.
        colour: RGB factors.
    """

    x: float = -0.28
    y: float = -0.42
    ambient: float = 0.5
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


def _bumps(shape: Shape) -> NDArray[np.float64]:
    """Rows of x, y, width, height, amplitude on the mean grown face; pairs given once."""
    who, cues, pose = shape.who, shape.cues, shape.pose
    man = who.gender * cues.adult
    baby, child = cues.infancy, cues.childhood
    nose = who.nose_width * (1 + 0.12 * cues.elder)
    tip = 0.2 * who.nose_length + 0.035 * cues.elder - 0.03 * child
    bridge = who.nose_bridge * (1 - 0.75 * baby) * (1 - 0.45 * child)
    bag = 0.08 + 1.6 * min(1.2, cues.wrinkle)
    smile = max(0.0, pose.smile)
    middle = [
        (0, -0.17, 0.06, 0.05, 0.008),
        (0, -0.05, 0.043, 0.08, 0.042 * bridge),
        (0, 0.07, 0.05, 0.08, 0.058 * bridge),
        (0, tip, 0.062 * nose, 0.055, 0.085),
        (0, 0.285, 0.1, 0.025, -0.02),
        (0, 0.325, 0.018, 0.03, -0.014),
        (0, 0.42, 0.2, 0.13, 0.05),
        (0, 0.395, 0.1, 0.02, 0.016 * who.lip_full * (1 - 0.6 * cues.thin)),
        (0, 0.475, 0.095, 0.028, 0.03 * who.lip_full * (1 - 0.6 * cues.thin)),
        (0, 0.545, 0.12, 0.03, -0.026),
        (0, 0.645, 0.09 * who.chin, 0.065, 0.05 * (1 - 0.2 * child) + 0.01 * man),
        (0, -0.45, 0.3, 0.16, 0.03 + 0.035 * baby),
    ]
    pairs = [
        (0.19, -0.175, 0.12, 0.038, 0.008 + 0.02 * man),
        (0.2, -0.06, 0.11, 0.065, -0.05 + 0.02 * child - 0.02 * cues.hollow),
        (0.225, EYE, 0.078, 0.052, 0.032),
        (0.09 * nose, 0.225 + 0.02 * cues.elder, 0.038, 0.038, 0.042),
        (0.3, 0.16 - 0.03 * smile + 0.04 * cues.sag, 0.13, 0.11,
         0.045 + 0.03 * baby + 0.015 * who.fat + 0.035 * smile - 0.02 * cues.hollow),
        (0.3, 0.36, 0.12, 0.1, 0.06 * baby + 0.03 * child - 0.075 * cues.hollow),
        (0.5, -0.27, 0.08, 0.12, -0.05 * cues.hollow),
        (0.34, 0.535, 0.07, 0.07, 0.05 * cues.sag),
        (0.22, 0.56, 0.05, 0.07, -0.022 * cues.sag),
        (0.225, 0.075, 0.075, 0.026, 0.02 * bag),
        (0.21, 0.118, 0.095, 0.02, -0.02 * bag),
        (0.23, -0.115, 0.09, 0.022, 0.03 * cues.hood),
    ]  # fmt: skip
    right = np.array(pairs)
    return np.concatenate([np.array(middle), right, right * np.array([-1, 1, 1, 1, 1])])


def heights(canvas: Canvas, shape: Shape) -> Plane:
    """The smooth relief of the face (side, side), in face units, towards the camera."""
    bumps = _bumps(shape)
    centres = shape.place([bumps[:, :2]])[0]
    field = canvas.bumps(centres, bumps[:, 2:4] * shape.local, bumps[:, 4] * shape.down)
    wide = float(np.abs(shape.outline[:, 0]).max()) + 0.035
    turn = 0.16 * math.sin(shape.pose.yaw)
    across = ((canvas.axis - turn) / wide) ** 2
    along = ((canvas.axis - (shape.crown + shape.chin) / 2) / (CHIN + 0.12)) ** 2
    dome = np.maximum(1 - across[None, :] - (along**1.5)[:, None], 0) + np.float32(0.06)
    return np.asarray(field + np.float32(0.46) * np.sqrt(dome), np.float32)


def shade(canvas: Canvas, height: Plane, light: Light) -> tuple[Plane, Plane]:
    """Lights a relief.

    Args:
        canvas: gives the scale.
        height: (side, side), face units.
        light: the light.

    Returns:
        Brightness, about 0 to 1.3, and the glint of the light on the skin, 0 to 1.
    """
    scale = canvas.unit / 8
    gx = _float(cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=scale))
    gy = _float(cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=scale))
    norm = _float(np.sqrt(gx * gx + gy * gy + np.float32(1)))
    length = float(np.sqrt(light.x**2 + light.y**2 + 0.72))
    lx, ly, lz = light.x / length, light.y / length, float(np.sqrt(0.72)) / length
    lit = _float((lz - lx * gx - ly * gy) / norm)
    lit *= np.float32(0.8)
    lit += np.float32(0.2)
    wrapped = np.maximum(lit, 0, out=lit)
    low = cv2.resize(height, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    low = cv2.GaussianBlur(low, (0, 0), 0.045 * canvas.unit / 4)
    around = _float(cv2.resize(low, (canvas.side, canvas.side), interpolation=cv2.INTER_LINEAR))
    bright = np.subtract(height, around, out=around)
    bright *= np.float32(9)
    np.clip(bright, -0.5, 0.12, out=bright)
    wrapped *= np.float32((1.06 - light.ambient) / 0.92)
    bright += wrapped
    bright += np.float32(light.ambient)
    hx, hy, hz = lx, ly, lz + 1
    half = float(np.sqrt(hx**2 + hy**2 + hz**2))
    gx *= np.float32(-hx / half)
    gy *= np.float32(-hy / half)
    gx += gy
    gx += np.float32(hz / half)
    gx /= norm
    glint = np.maximum(gx, 0, out=gx)
    for _ in range(5):
        glint *= glint
    return bright, glint


def _float(plane: NDArray[np.generic]) -> Plane:
    return np.asarray(plane, np.float32)
