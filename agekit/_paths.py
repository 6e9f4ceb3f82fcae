"""Paths: as people write them, and of the files that come with agekit and are not Python."""

from __future__ import annotations

import os
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from agekit.errors import ConfigError

__all__ = ["expand_user", "nearest_path", "shipped_folder"]

_MOST = 2000
"""Names that are compared with one that is not there."""


def expand_user(path: str | Path) -> Path:
    """A path whose leading ``~`` or ``~user`` is made the home folder.

    Raises:
        ConfigError: that home folder is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0]
        raise ConfigError(
            f"{path}: the home folder {user} is not known", "write out the whole path"
        ) from error


def nearest_path(path: str | os.PathLike[str]) -> str:
    """Says what lies beside a path where nothing does: ``"; did you mean 'a', 'b'?"``, or nothing.

    Of several folders that are not there the first one is taken; case does not count.
    """
    with suppress(OSError, ValueError):
        lost = Path(path)
        while lost != lost.parent and not lost.parent.is_dir():
            lost = lost.parent
        there = {one.name.casefold(): one for one in islice(os.scandir(lost.parent), _MOST)}
        close = get_close_matches(lost.name.casefold(), there, n=3, cutoff=0.6)
        if close and not os.path.lexists(lost):
            meant = ", ".join(repr(str(Path(there[name].path))) for name in close)
            return f"; did you mean {meant}?"
    return ""


def shipped_folder(inside: str, beside: str) -> Path:
    """A folder of agekit's own files, whether there is one or not.

    Args:
        inside: its name in an installed package, such as ``_zoo``.
        beside: its path in a checkout, such as ``zoo``.
    """
    package = Path(__file__).parent
    checkout = package.parent
    if not (package / inside).is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / beside
    return package / inside
