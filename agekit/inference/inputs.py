"""From what a user names - files, folders, patterns - to the images to look at."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from agekit.data.readers.scan import find_files, is_image
from agekit.errors import DataError

__all__ = ["ImageFile", "find_images", "unreadable"]


class ImageFile(NamedTuple):
    """An image on disk.

    Args:
        path: where it is, as the user's own words lead there.
        name: what is left of the path below the folder or the pattern that found it, with forward
            slashes; of a file named itself, its file name.
    """

    path: str
    name: str


def find_images(inputs: Iterable[str]) -> list[ImageFile]:
    """The images of files, folders and patterns, in the order given.

    Args:
        inputs: a file is taken whatever it is, and so is a path where nothing lies; a folder
            stands for all images below it, sorted, hidden ones left out; a pattern (``*``, ``?``,
            ``[...]``, and ``**`` for any folders) for the images, and those in the folders, that
            it matches, sorted, each once.

    Raises:
        DataError: a folder holds no image or cannot be read, or a pattern matches none.
    """
    found: list[ImageFile] = []
    for given in inputs:
        if os.path.isdir(given):
            images = _below(given)
            if not images:
                raise DataError(f"{given}: there is no image in this folder", _HINT)
            found += images
        elif glob.has_magic(given) and not os.path.lexists(given):
            images = _matches(given)
            if not images:
                raise DataError(f"{given!r} matches no image", _HINT)
            found += images
        else:
            found.append(ImageFile(given, Path(given).name or "image"))
    return found


def unreadable(paths: Iterable[str]) -> dict[str, str]:
    """The paths at which nothing lies, each with the error that reading it would give."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            os.stat(path)
        except (OSError, ValueError) as error:
            found[path] = f"{path}: cannot be read: {getattr(error, 'strerror', error)}"
    return found


_HINT = "images are files that end in .jpg, .png, .webp, .bmp, .gif, .tif, .ppm and the like"


def _below(folder: str) -> list[ImageFile]:
    names = filter(is_image, find_files(Path(folder)))
    return [ImageFile(str(Path(folder, name)), name) for name in names]


def _matches(pattern: str) -> list[ImageFile]:
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    start = Path(*fixed)
    paths: set[str] = set()
    for match in glob.glob(pattern, recursive=True):
        if os.path.isdir(match):
            paths.update(image.path for image in _below(match))
        elif is_image(match):
            paths.add(str(Path(match)))
    return [ImageFile(path, Path(path).relative_to(start).as_posix()) for path in sorted(paths)]
