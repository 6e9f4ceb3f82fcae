"""Paths: as people write them, and of the files that come with agekit and are not Python."""

from __future__ import annotations

from pathlib import Path

from agekit.errors import ConfigError

__all__ = ["expand_user", "shipped_folder"]


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
