"""Finding the image files below a folder."""

from __future__ import annotations

import os
from pathlib import Path

from agekit.data.decode import IMAGE_SUFFIXES
from agekit.errors import DataError

__all__ = ["find_files", "is_image"]


def find_files(root: Path) -> list[str]:
    """Every file below `root` as a path with forward slashes, sorted; hidden ones are left out.

    Links to folders are not followed.

    Raises:
        DataError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from None

    found: list[str] = []
    for folder, folders, files in os.walk(root, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(folder).relative_to(root).as_posix()
        start = "" if below == "." else f"{below}/"
        found.extend(start + name for name in files if not name.startswith("."))
    return sorted(found)


def is_image(path: str) -> bool:
    """Whether the ending is that of an image agekit reads."""
    return os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES
