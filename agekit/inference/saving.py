"""Photos written again: in their own format, with the colours they had."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.atomic import write_from_memory
from agekit.data.decode import quiet

__all__ = ["JPEG_SUFFIXES", "colour_profile", "save_picture"]

JPEG_SUFFIXES = frozenset({".jpeg", ".jpg"})
QUALITY = 95
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")
_SPACE = slice(16, 20)
"""Of an ICC profile: the colour space of the pixels it describes."""


def colour_profile(path: str | Path) -> bytes | None:
    """The ICC profile of an image's RGB pixels; None where there is none or it cannot be read."""
    with quiet():
        try:
            with Image.open(path, formats=_FORMATS) as image:
                profile = image.info.get("icc_profile")
        except Exception:
            return None
    return profile if isinstance(profile, bytes) and profile[_SPACE] == b"RGB " else None


def save_picture(
    path: Path, picture: NDArray[np.uint8] | Image.Image, profile: bytes | None = None
) -> None:
    """Writes a picture whole: a JPEG of quality 95 or, with another ending, a PNG.

    Args:
        path: the file; its folder is made.
        picture: (H, W, 3) RGB.
        profile: the ICC profile of its colours.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    if path.suffix.lower() in JPEG_SUFFIXES:
        options: dict[str, Any] = {"format": "JPEG", "quality": QUALITY, "subsampling": 0}
    else:
        options = {"format": "PNG", "compress_level": 4}
    write_from_memory(path, partial(image.save, **options, icc_profile=profile))
