"""The growth of a head: the cardioidal strain; and the ramps that every cue of age is made of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["ADULT_STRAIN", "ORIGIN", "cardioidal_strain", "grow", "rise", "smoothstep", "strain_at"]

ADULT_STRAIN = 0.2
"""The growth parameter k of a grown head, counted from the newborn's k = 0."""

ORIGIN = (0.0, -0.25)
"""The point that growth leaves alone, in face units: the lower forehead, above the nose."""

_ORIGIN = np.array(ORIGIN)


def cardioidal_strain(
    points: NDArray[np.float64],
    k: float,
    origin: tuple[float, float] = ORIGIN,
) -> NDArray[np.float64]:
    """Strains points by the revised cardioidal model of growth.

    In polar coordinates about the origin, with theta measured from the vertical through the top of
    the head, ``R' = R (1 + k (1 - cos theta))`` and ``theta' = theta``: the crown stays, the chin
    moves most. J. T. Todd, L. S. Mark, R. E. Shaw and J. B. Pittenger, "The perception of human
    growth", Scientific American 242(2), 1980; used on frontal faces by N. Ramanathan and
    R. Chellappa, "Modeling age progression in young faces", CVPR 2006, eq. 1.

    Args:
        points: (N, 2), x to the right and y down.
        k: the growth parameter.
        origin: the centre of growth, x and y.

    Returns:
        The strained points (N, 2).
    """
    offset = points - np.asarray(origin)
    grown: NDArray[np.float64] = origin + offset * (1 + k * _fall(offset))[:, None]
    return grown


def grow(points: NDArray[np.float64], k: float) -> NDArray[np.float64]:
    """Takes points of a grown head back to the head whose growth parameter is `k`.

    The strain keeps theta, so its inverse is exact: adult points are unstrained to the newborn
    (k = 0), then strained to `k`.

    Args:
        points: (N, 2), landmarks of the grown head in face units.
        k: the growth parameter of the age wanted, from 0 to `ADULT_STRAIN`.

    Returns:
        The landmarks (N, 2) of the younger head.
    """
    offset = points - _ORIGIN
    fall = _fall(offset)
    younger: NDArray[np.float64] = (
        _ORIGIN + offset * ((1 + k * fall) / (1 + ADULT_STRAIN * fall))[:, None]
    )
    return younger


def _fall(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 - cos theta`` of offsets (N, 2) from the centre of growth, theta from the vertical."""
    radius = np.hypot(offset[:, 0], offset[:, 1])
    fall: NDArray[np.float64] = 1 + offset[:, 1] / np.maximum(radius, 1e-12)
    return fall


def strain_at(years: float, female: bool) -> float:
    """The growth parameter k at an age: fast in infancy, done at about 17 (women) or 20 (men)."""
    done = 17.0 if female else 20.0
    return ADULT_STRAIN * (
        0.35 * (1 - math.exp(-years / 2.5)) + 0.65 * smoothstep(years, 0.0, done)
    )


def smoothstep(value: float, low: float, high: float) -> float:
    """Rises from 0 at `low` to 1 at `high` with no corner (3t^2 - 2t^3)."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def rise(value: float, onset: float, span: float) -> float:
    """Zero up to `onset`, then towards 1 with no corner: ``1 - exp(-(t / span)^1.5)``."""
    t = max(value - onset, 0.0) / span
    return 1 - math.exp(-(t**1.5))
