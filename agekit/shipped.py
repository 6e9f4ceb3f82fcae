"""Where the files lie that come with agekit and are not Python."""

from __future__ import annotations

from pathlib import Path

__all__ = ["shipped_folder"]


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
