"""Folders that are made for something: all of them or none."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["make_folders", "remove_folders"]


def make_folders(folder: Path) -> list[Path]:
    """Makes a folder, and those above it that are not there.

    Returns:
        those that were made, the outermost first.

    Raises:
        OSError: one cannot be made, its ``filename``; then none is.
    """
    made: list[Path] = []
    try:
        for place in reversed((folder, *folder.parents)):
            if place.is_dir():
                continue
            try:
                place.mkdir()
            except FileExistsError as error:
                if place.is_dir():
                    continue
                reason = "it is there, and is no folder"
                raise NotADirectoryError(errno.ENOTDIR, reason, str(place)) from error
            made.append(place)
    except BaseException:
        remove_folders(made)
        raise
    return made


def remove_folders(made: Iterable[Path]) -> None:
    """Removes what `make_folders` made, unless something lies there by now."""
    for place in reversed(list(made)):
        with suppress(OSError):
            place.rmdir()
