"""The parts of a face, by where its five points lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTS", "parts_of_face"]

PARTS = ("forehead", "eyes", "nose", "cheeks", "mouth", "chin", "around the face")

_SIDES, _ABOVE, _BELOW = 1.2, 1.15, 0.75
"""Half the width of a face in distances between the eyes; its ends above the eyes and below the
mouth, in distances from the eyes to the mouth."""


def parts_of_face(points: NDArray[np.float64], side: int) -> dict[str, NDArray[np.bool_]]:
    """The pixels of each part of an upright face; parts beyond the image are left out.

    Parts do not overlap, and together are the whole image.

    Args:
        points: (5, 2) of eyes, nose and corners of the mouth, shares of the side.
        side: of the image, pixels.

    Returns:
        Name → (side, side), in the order of `PARTS`.
    """
    left, right, _, *corners = points * side
    eyes, mouth = (left + right) / 2, np.mean(corners, 0)
    width, height = float(np.hypot(*(right - left))), float(np.hypot(*(mouth - eyes)))
    down = (mouth - eyes) / height
    y, x = np.mgrid[:side, :side] + 0.5
    seen = np.stack([x, y], -1) - eyes
    low = seen @ down / height  # 0 at the eyes, 1 at the mouth
    off = np.abs(seen @ np.array([down[1], -down[0]])) / width  # 0.5 at the eyes
    middle = (1 + _BELOW - _ABOVE) / 2
    inside = (off / _SIDES) ** 2 + ((low - middle) / (middle + _ABOVE)) ** 2 <= 1
    rows = {
        "forehead": low < -0.35,
        "eyes": (low >= -0.35) & (low < 0.3),
        "nose": (low >= 0.3) & (low < 0.75) & (off < 0.35),
        "cheeks": (low >= 0.3) & (low < 1.3) & (off >= np.where(low < 0.75, 0.35, 0.6)),
        "mouth": (low >= 0.75) & (low < 1.3) & (off < 0.6),
        "chin": low >= 1.3,
    }
    found = {name: mask & inside for name, mask in rows.items()} | {"around the face": ~inside}
    return {name: found[name] for name in PARTS if found[name].any()}
