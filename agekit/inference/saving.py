"""Pictures on disk: where results go, in their own format, with the colours they had."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agekit.atomic import write_from_memory
from agekit.data.decode import quiet
from agekit.errors import DataError

__all__ = ["JPEG_SUFFIXES", "colour_profile", "keep_inputs", "result_paths", "save_picture"]

JPEG_SUFFIXES = frozenset({".jpeg", ".jpg"})
QUALITY = 95
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")
_SPACE = slice(16, 20)
"""Of an ICC profile: the colour space of the pixels it describes."""


def result_paths(
    folder: Path, names: Iterable[str], suffixes: Iterable[str], tail: str = ""
) -> list[Path]:
    """The paths of the results of images, one each, below a folder.

    Args:
        folder: the folder.
        names: the images' own, with forward slashes. Kept as they are, but for endings that are
            not written, which become ``.png``, and for those taken already, which get a number.
        suffixes: the endings that are written, besides.
        tail: goes behind each name; with one, names that differ in their endings alone are taken
            as alike, for more is named after a result than itself.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for name in names:
        wanted = Path(name) if ".." not in Path(name).parts else Path(Path(name).name)
        suffix = wanted.suffix if wanted.suffix.lower() in suffixes else ".png"
        stem, number = wanted.stem + tail, 1
        path = wanted.with_name(stem + suffix)
        while (key := (path.with_suffix("") if tail else path).as_posix().casefold()) in taken:
            number += 1
            path = wanted.with_name(f"{stem}-{number}{suffix}")
        taken.add(key)
        paths.append(folder / path)
    return paths


def keep_inputs(inputs: Iterable[str], outputs: Iterable[Path]) -> None:
    """Makes sure that nothing is written over the images.

    Raises:
        DataError: an output is one of the inputs.
    """
    own = set(map(os.path.realpath, inputs))
    for path in outputs:
        if os.path.realpath(path) in own:
            raise DataError(f"{path} is one of the images: it is not overwritten", "name another")


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
