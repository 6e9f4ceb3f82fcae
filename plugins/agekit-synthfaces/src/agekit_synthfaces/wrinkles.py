"""The lines of age: where they run, when they come, how deep they are."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import Canvas, spline
from agekit_synthfaces.growth import rise
from agekit_synthfaces.identity import rng_for
from agekit_synthfaces.shape import Shape

__all__ = ["engrave"]

Points = NDArray[np.float64]


_BROW = [
    ([(-0.28, y), (-0.1, y - 0.008), (0.1, y - 0.008), (0.28, y)], onset, 0.75, 0.0)
    for y, onset in ((-0.27, 35.0), (-0.332, 30.0), (-0.394, 35.0), (-0.456, 41.0))
]
"""Lines across the forehead: four points, onset (apparent years), depth, 1 for a fold."""

_SIDES = [
    ([(0.034, -0.09), (0.031, -0.13), (0.035, -0.17), (0.043, -0.21)], 36.0, 0.7, 0.0),
    ([(0.355, -0.045), (0.38, -0.06), (0.405, -0.08), (0.425, -0.098)], 38.0, 0.65, 0.0),
    ([(0.36, -0.02), (0.39, -0.024), (0.42, -0.031), (0.445, -0.034)], 33.0, 0.65, 0.0),
    ([(0.358, 0.0), (0.385, 0.007), (0.412, 0.018), (0.438, 0.03)], 35.0, 0.65, 0.0),
    ([(0.345, 0.022), (0.365, 0.038), (0.385, 0.057), (0.405, 0.08)], 41.0, 0.6, 0.0),
    ([(0.125, 0.205), (0.175, 0.27), (0.215, 0.35), (0.225, 0.42)], 24.0, 1.0, 1.0),
    ([(0.215, 0.45), (0.224, 0.5), (0.221, 0.545), (0.21, 0.585)], 44.0, 0.9, 1.0),
    ([(0.13, 0.045), (0.19, 0.105), (0.27, 0.1), (0.33, 0.045)], 34.0, 0.8, 1.0),
    ([(0.15, 0.035), (0.195, 0.062), (0.24, 0.068), (0.28, 0.06)], 44.0, 0.45, 0.0),
    ([(0.2, 0.13), (0.245, 0.158), (0.29, 0.163), (0.33, 0.15)], 54.0, 0.4, 0.0),
    ([(0.3, 0.22), (0.317, 0.29), (0.315, 0.37), (0.29, 0.44)], 60.0, 0.55, 0.0),
    ([(0.38, 0.14), (0.405, 0.22), (0.407, 0.31), (0.385, 0.4)], 66.0, 0.5, 0.0),
    ([(0.35, 0.18), (0.363, 0.24), (0.362, 0.31), (0.345, 0.37)], 73.0, 0.45, 0.0),
    ([(0.035, 0.345), (0.036, 0.358), (0.036, 0.371), (0.037, 0.385)], 60.0, 0.5, 0.0),
    ([(0.085, 0.345), (0.087, 0.358), (0.088, 0.371), (0.09, 0.385)], 58.0, 0.5, 0.0),
    ([(0.13, 0.35), (0.133, 0.363), (0.135, 0.376), (0.138, 0.39)], 61.0, 0.5, 0.0),
    ([(0.06, 0.56), (0.085, 0.567), (0.11, 0.58), (0.13, 0.6)], 58.0, 0.5, 0.0),
]
"""Lines that come in pairs, on the right half of the face."""

_CURVES = np.array(
    [line[0] for line in _BROW]
    + [line[0] for line in _SIDES]
    + [[(-x, y) for x, y in line[0]] for line in _SIDES]
)
_TABLE = np.array([line[1:] for line in (*_BROW, *_SIDES, *_SIDES)])


@lru_cache(maxsize=512)
def _plan(seed: int, index: int) -> tuple[Points, NDArray[np.float64]]:
    """A person's lines on the mean grown face.

    Returns:
        The curves (C, N, 2), and a row each of onset (apparent years), depth, and 1 for a fold
        or 0 for a fine line.
    """
    rng = rng_for(2, seed, index)
    curves = _CURVES + 0.006 * rng.standard_normal(_CURVES.shape)
    reach = rng.uniform(0.75, 1.15, 4)
    curves[:4, :, 0] *= reach[:, None]
    table = _TABLE.copy()
    table[:, 0] += 4.0 * rng.standard_normal(len(table))
    table[:, 1] *= rng.uniform(0.7, 1.2, len(table))
    return spline(curves, steps=5), table


def engrave(canvas: Canvas, shape: Shape) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws the lines a person has at an age.

    Returns:
        Fine lines and folds, each (side, side), 0 (none) to 255 (deepest).
    """
    who, cues = shape.who, shape.cues
    curves, table = _plan(who.seed, who.index)
    placed = canvas.fixed(shape.place([curves.reshape(-1, 2)])[0]).reshape(curves.shape)
    fine = np.zeros((canvas.side, canvas.side), np.uint8)
    folds = np.zeros_like(fine)
    smile = max(0.0, shape.pose.smile)
    for curve, (onset, depth, fold) in zip(placed, table.tolist(), strict=True):
        strength = 0.95 * depth * who.wrinkling * rise(cues.years, onset, 38.0)
        if fold:
            strength += 0.14 * depth * smile
        if strength > 0.006:
            mask, width = (folds, 0.02) if fold else (fine, 0.012)
            fade = len(curve) // 5
            canvas.stroke(mask, [curve], width, 0.45 * strength)
            canvas.stroke(mask, [curve[fade : len(curve) - fade]], width, strength)
    return fine, folds
