"""The distributions that a model needs, and those of them that are not installed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from agekit.discovery import normalise

__all__ = ["install_command", "missing", "outdated"]


def install_command(requires: Mapping[str, str]) -> str:
    """The command to run before the model can be used; empty if there is none.

    Args:
        requires: distribution → the version the model was made with.
    """
    needed = [*missing(requires), *(f"'{newer}'" for newer in outdated(requires))]
    return f"pip install {' '.join(needed)}" if needed else ""


def missing(requires: Mapping[str, str]) -> list[str]:
    """The distributions that are not installed, as pip takes them."""
    return [name for name in requires if _installed(name) is None]


def outdated(requires: Mapping[str, str]) -> list[str]:
    """Those installed in an older version than the model was made with, as pip takes them."""
    return [
        f"{name}>={wanted}"
        for name, wanted in requires.items()
        if (found := _installed(name)) is not None and found != wanted and _older(found, wanted)
    ]


def _installed(name: str) -> str | None:
    try:
        return _version(normalise(name))
    except (PackageNotFoundError, ValueError):
        return None


_version = lru_cache(maxsize=1000)(version)
"""Of an installed distribution; that one is missing is not remembered."""


@lru_cache(maxsize=1000)
def _older(found: str, wanted: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(found) < Version(wanted)
    except InvalidVersion:
        return False
