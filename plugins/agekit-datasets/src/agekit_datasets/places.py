"""The places that datasets are written to."""

from __future__ import annotations

import os
from pathlib import Path

from agekit.errors import DataError

__all__ = ["keep_apart"]


def keep_apart(out: Path, *folders: Path | None, itself: bool = True) -> None:
    """Makes sure that what is written does not become part of what is read.

    Args:
        out: what is written.
        folders: what is read; those that are None or no folders do not count.
        itself: whether `out` may not be one of them either.

    Raises:
        DataError: `out` lies within one of them.
    """
    for folder in folders:
        if folder is not None and folder.is_dir():
            real, inside = (Path(os.path.realpath(place)) for place in (out, folder))
            if real.is_relative_to(inside) and (itself or real != inside):
                raise DataError(
                    f"{out} lies in the dataset's own folder {folder}, and would become part of it",
                    "write to a folder elsewhere",
                )
