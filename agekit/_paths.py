"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path

from agekit.errors import ConfigError

__all__ = ["expand_user"]


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
