"""Skin: its tone, its blood, its spots, its roughness."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import SHIFT, Canvas, ellipse, noise
from agekit_synthfaces.identity import rng_for
from agekit_synthfaces.shape import Shape

__all__ = ["albedo", "tone"]

Plane = NDArray[np.float32]

_BARE = np.array([0.985, 0.865, 0.79])
_MELANIN = np.array([0.98, 1.28, 1.5])
_BLOOD = np.array([0.04, 0.3, 0.26])


def tone(melanin: float, blood: float) -> NDArray[np.float32]:
    """The colour of even skin, RGB 0 to 1: what melanin and blood leave of white light."""
    colour = _BARE * np.exp(-melanin * _MELANIN - blood * _BLOOD)
    return colour.astype(np.float32)


@lru_cache(maxsize=512)
def _spots(seed: int, index: int) -> NDArray[np.float64]:
    """Rows of x, y, radius, onset (apparent years), darkness: first age spots, then freckles."""
    rng = rng_for(3, seed, index)
    n, freckled = 34, 46
    x, y = rng.uniform(-0.47, 0.47, n), rng.uniform(-0.6, 0.55, n)
    aged = np.stack(
        [x, y, rng.gamma(5, 0.0036, n), rng.uniform(40, 95, n), rng.uniform(0.35, 1, n)], axis=1
    )
    fx, fy = rng.normal(0, 0.21, freckled), rng.normal(0.12, 0.07, freckled)
    young = np.stack(
        [fx, fy, rng.uniform(0.006, 0.011, freckled), np.full(freckled, 3.0),
         rng.uniform(0.3, 0.8, freckled)], axis=1,
    )  # fmt: skip
    return np.concatenate([aged, young])


def albedo(canvas: Canvas, shape: Shape) -> Plane:
    """The colour of the skin before light (3, side, side), 0 to 1, and no mask applied."""
    who, cues = shape.who, shape.cues
    side = canvas.side
    variant = who.index % 5
    melanin = np.full((side, side), 0.92 * who.melanin + 0.02, np.float32)
    melanin += np.float32((0.012 + 0.022 * who.melanin) * cues.uneven) * noise(
        side, 9, 10 + variant
    )
    melanin += np.float32(0.012 + 0.03 * cues.rough) * noise(side, 40, 20 + variant)
    spots = _marks(canvas, shape)
    if spots is not None:
        melanin += np.float32(0.21 / 255) * spots
    blood = _blush(canvas, shape)
    blood += np.float32(0.06 * cues.uneven) * noise(side, 14, 30 + variant)
    sallow = 0.05 * cues.pale
    planes = np.empty((3, side, side), np.float32)
    for channel in range(3):
        bare = float(_BARE[channel]) * (1 - sallow * (0.5, 0.7, 1.3)[channel])
        depth = cv2.addWeighted(
            melanin, -_MELANIN[channel], blood, -_BLOOD[channel], math.log(bare)
        )
        cv2.exp(depth, planes[channel])
    return planes


def _marks(canvas: Canvas, shape: Shape) -> NDArray[np.uint8] | None:
    who, cues = shape.who, shape.cues
    plan = _spots(who.seed, who.index)
    age_marks = plan[:, 3] > 3.0
    ripe = np.clip((cues.years - plan[:, 3]) / 22, 0, 1)
    strength = ripe * ripe * (3 - 2 * ripe)
    strength *= plan[:, 4] * np.where(age_marks, min(1.5, who.spotting), who.freckles)
    seen = np.flatnonzero(strength > 0.01)
    if len(seen) == 0:
        return None
    mask = np.zeros((canvas.side, canvas.side), np.uint8)
    centres = shape.place([plan[seen, :2]])[0]
    radii = np.maximum(plan[seen, 2], 0.6 / canvas.unit)
    dots = ellipse(0, 0, 1, 0.85, 10) * radii[:, None, None] + centres[:, None, :]
    fixed = canvas.fixed(dots)
    for dot, level in zip(fixed, np.minimum(255 * strength[seen], 255).tolist(), strict=True):
        cv2.fillConvexPoly(mask, dot, level, cv2.LINE_AA, SHIFT)
    return np.asarray(cv2.blur(cv2.blur(mask, (3, 3)), (3, 3)), np.uint8)


def _blush(canvas: Canvas, shape: Shape) -> Plane:
    who, cues = shape.who, shape.cues
    fresh = 0.35 + 0.65 * (1 - cues.pale)
    child = cues.childhood
    rows = np.array(
        [[0.31, 0.2, 0.15, 0.12, (0.3 + 0.45 * child) * fresh],
         [-0.31, 0.2, 0.15, 0.12, (0.3 + 0.45 * child) * fresh],
         [0.0, 0.2, 0.075, 0.06, 0.3 + 0.25 * child + 0.3 * cues.uneven],
         [0.0, 0.66, 0.10, 0.06, 0.15],
         [0.55, 0.08, 0.07, 0.14, 0.5], [-0.55, 0.08, 0.07, 0.14, 0.5],
         [0.215, 0.05, 0.09, 0.04, 0.25 + 0.5 * min(1.2, cues.wrinkle)],
         [-0.215, 0.05, 0.09, 0.04, 0.25 + 0.5 * min(1.2, cues.wrinkle)],
         [0.22, -0.1, 0.1, 0.035, 0.3], [-0.22, -0.1, 0.1, 0.035, 0.3]]
    )  # fmt: skip
    centres = shape.place([rows[:, :2]])[0]
    strength = rows[:, 4] * (0.35 + 0.6 * who.redness)
    field = canvas.bumps(centres, rows[:, 2:4] * shape.local, strength)
    field += np.float32((0.18 + 0.65 * who.redness) * fresh)
    return field
