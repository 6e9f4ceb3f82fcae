"""The age of a face that was seen many times, and how sure that is.

A random-effects model of the errors of one person's frames: what all of them share - the network
takes this person for older than they are - and what differs from frame to frame. More frames
average the second away and leave the first, so that the interval narrows a little and no further.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

__all__ = ["SHARED", "smoothed"]

SHARED = 0.95
"""Of the variance of a frame's error, the part that all frames of a person share, as
`benchmarks/video.py` finds it on real faces that are shaken as in a video."""
_APART = 1.0
"""Seconds after which a look at a face is a new one: frames of one moment err alike."""
_PRIOR = 5.0
"""How many frames the expected scatter weighs against that of the track itself."""
_USUAL_LEVEL = 0.9


def smoothed(
    seconds: Sequence[float],
    ages: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    level: float | None = None,
) -> tuple[float, tuple[float, float]]:
    """The age of one person from N frames, the median, with its interval.

    With ``v`` the variance that a frame's own interval stands for, ``w`` that of the frames about
    their age (theirs, drawn to what is expected, ``(1 - SHARED) v``) and ``n`` the looks at the
    face that are a second apart, the variance of the age is ``SHARED v + w / n``. The interval is
    the frames' own, scaled by the root of its share of ``v``; that of one frame is its own.

    Args:
        seconds: (N,) when each frame was, not falling.
        ages: (N,) years.
        intervals: (N,) of (low, high), years.
        level: the share of faces that the intervals are meant to hold, if it is known.

    Returns:
        The age, and the interval (low, high), years.
    """
    years = np.asarray(ages, np.float64)
    ends = np.asarray(intervals, np.float64)
    age = float(np.median(years))
    below = max(0.0, float(np.median(years - ends[:, 0])))
    above = max(0.0, float(np.median(ends[:, 1] - years)))
    z = NormalDist().inv_cdf((1 + (level or _USUAL_LEVEL)) / 2)
    variance = ((below + above) / 2 / z) ** 2
    if len(years) == 1 or variance == 0:
        return age, (age - below, age + above)
    more = len(years) - 1
    scatter = _PRIOR * (1 - SHARED) * variance + more * float(years.var(ddof=1))
    within = scatter / (_PRIOR + more)
    looks = min(float(len(years)), 1 + (seconds[-1] - seconds[0]) / _APART)
    factor = (SHARED + within / looks / variance) ** 0.5
    return age, (age - factor * below, age + factor * above)
