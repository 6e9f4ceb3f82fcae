"""From an entry to its object, and the errors that name the distribution at fault."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from agekit.discovery import API_VERSION, CORE, DISABLE_VARIABLE, OLDEST_API, Entry, normalise
from agekit.errors import PluginError

__all__ = ["check_api", "load", "one_line", "unusable"]


def load(entry: Entry) -> Any:
    """Imports the module of an entry and takes the object out of it.

    Raises:
        PluginError: the import fails for whatever reason, or the module lacks the object.
    """
    try:
        part: Any = import_module(entry.module)
    except (Exception, SystemExit) as error:
        raise unusable(
            entry, f"importing {entry.module} fails: {type(error).__name__}: {one_line(error)}"
        ) from error
    try:
        for attribute in entry.attribute.split("."):
            part = getattr(part, attribute)
    except AttributeError as error:
        raise unusable(entry, f"{entry.module} has no {entry.attribute!r}") from error
    return part


def check_api(entry: Entry) -> None:
    """Refuses an entry written for a version of the plugin interface this core does not offer.

    Raises:
        PluginError: saying which distribution, which version, and what to upgrade.
    """
    if OLDEST_API <= entry.api <= API_VERSION:
        return
    accepted = str(API_VERSION) if OLDEST_API == API_VERSION else f"{OLDEST_API} to {API_VERSION}"
    upgrade = CORE if entry.api > API_VERSION else entry.distribution
    raise PluginError(
        f"{entry.kind} {entry.name!r} of {entry.distribution} {entry.version} is written for "
        f"version {entry.api} of the plugin interface; this agekit accepts {accepted}",
        f"`pip install -U {upgrade}`",
    )


def unusable(entry: Entry, reason: str) -> PluginError:
    """The error for an entry whose own code or file is at fault."""
    hint = f"reinstall it with `pip install -U {entry.distribution}`"
    if normalise(entry.distribution) != CORE:
        hint += (
            f", or go on without it: {DISABLE_VARIABLE}={entry.distribution} "
            f"or `pip uninstall {entry.distribution}`"
        )
    return PluginError(
        f"{entry.kind} {entry.name!r} of {entry.distribution} {entry.version} cannot be used: "
        f"{reason}",
        hint,
    )


def one_line(error: BaseException) -> str:
    """The text of an error, line breaks and runs of blanks made single blanks."""
    return " ".join(str(error).split())
