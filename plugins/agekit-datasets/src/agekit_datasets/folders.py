"""The folder that the paths in a list of labels start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from agekit.plugin import Rows

__all__ = ["image_folder"]

_SAMPLE = 1000


def image_folder(rows: Rows, labels: str, names: Sequence[str], folders: Sequence[str]) -> str:
    """The folder, "" or ending in a slash, in which the most of the images are.

    Args:
        rows: knows the files below the root.
        labels: the file with the labels, below the root.
        names: the images as they are named in it.
        folders: where they may start from, below the folder of `labels` or one above it, the
            likeliest first; "" or ending in a slash.
    """
    above = [parent.as_posix() for parent in PurePosixPath(labels).parents]
    starts = ["" if parent == "." else f"{parent}/" for parent in reversed(above)]
    some = names[:: len(names) // _SAMPLE + 1]

    def found(folder: str) -> int:
        return sum(rows.find(folder + name) is not None for name in some)

    return max((start + folder for folder in folders for start in starts), key=found)
