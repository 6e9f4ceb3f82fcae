"""Padding of a face chip: detectors want to see more than a tight face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.faces.framing import PAD

__all__ = ["enlarge", "padded"]

LEAST = 256
"""Pixels; detectors find little in smaller chips."""


def enlarge(chip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A chip (S, S, 3) scaled to 256 pixels where it is smaller."""
    if len(chip) >= LEAST:
        return chip
    image = Image.fromarray(chip).resize((LEAST, LEAST), Image.Resampling.BICUBIC)
    return np.asarray(image).copy()


def padded(chip: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """A chip (S, S, 3) with its edge pixels repeated all around, and how many times they are."""
    pad = round(PAD * len(chip))
    return np.pad(chip, ((pad, pad), (pad, pad), (0, 0)), mode="edge"), pad
