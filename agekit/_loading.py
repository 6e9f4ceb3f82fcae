"""From an entry to its object, and the errors that name the distribution at fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module, metadata
from shlex import quote
from typing import Any
from urllib.parse import unquote, urlsplit

from agekit.discovery import (
    API_VERSION,
    CORE,
    DISABLE_VARIABLE,
    OLDEST_API,
    PACKAGE,
    Entry,
    distributions,
    entries,
    normalise,
)
from agekit.errors import PluginError, UnknownNameError, nearest, one_line
from agekit.extras import COMPILED, has_all, missing_library
from agekit.kinds import KINDS, Family

__all__ = ["OFFICIAL", "check_api", "family_names", "how_to_upgrade", "load", "unknown", "unusable"]


OFFICIAL: Mapping[tuple[str, str], str] = {
    ("command", "age"): "agekit-ager",
    ("command", "bench"): "agekit-bench",
    ("command", "compare"): "agekit-bench",
    ("command", "convert.cyclegan"): "agekit-cyclegan",
    ("command", "convert.keras"): "agekit-ssrnet",
    ("command", "data.check"): "agekit-datasets",
    ("command", "data.info"): "agekit-datasets",
    ("command", "data.list"): "agekit-datasets",
    ("command", "data.pack"): "agekit-datasets",
    ("command", "data.prepare"): "agekit-datasets",
    ("command", "demo"): "agekit-demo",
    ("command", "explain"): "agekit-explain",
    ("command", "export"): "agekit-export",
    ("command", "lr-find"): "agekit-search",
    ("command", "search"): "agekit-search",
    ("command", "plugins.doctor"): "agekit-testkit",
    ("command", "plugins.new"): "agekit-testkit",
    ("command", "serve"): "agekit-serve",
    ("command", "video"): "agekit-video",
    ("command", "zoo.add"): "agekit-publish",
    ("command", "zoo.publish"): "agekit-publish",
    ("command", "zoo.push"): "agekit-publish",
    ("task", "ager"): "agekit-ager",
    ("task", "gender"): "agekit-gender",
}
"""Kind and name of a part of agekit's own plugins, and the distribution that brings it."""


def load(entry: Entry, base: str | None = None, *, made: bool = False) -> Any:
    """Imports the module of an entry, takes the object out of it and checks what it is.

    Args:
        entry: what a registry's `find` gives.
        base: `module:Class` that it must subclass; without it, it must be callable.
        made: it must be an object of that class instead.

    Raises:
        PluginError: the import fails for whatever reason, the module lacks the object, or the
            object is something else.
    """
    try:
        part: Any = import_module(entry.module)
    except (Exception, SystemExit) as error:
        if lacking := missing_library(error):
            raise PluginError(f"{entry}: {lacking.message}", lacking.hint) from lacking
        if isinstance(error, ImportError) and str(error.path).endswith(COMPILED):
            raise
        reason = f"importing {entry.module} fails: {type(error).__name__}: {one_line(error)}"
        named = error.name if isinstance(error, ImportError) else None
        if entry.api < API_VERSION and (named or "").startswith(f"{PACKAGE}."):
            reason += (
                f"; it is written for version {entry.api} of the plugin interface, and in version "
                f"{API_VERSION} modules of agekit have moved (docs/plugins.md names them)"
            )
        raise unusable(entry, reason) from error
    try:
        for attribute in entry.attribute.split("."):
            part = getattr(part, attribute)
    except AttributeError as error:
        raise unusable(entry, f"{entry.module} has no {entry.attribute!r}") from error
    if not made and not callable(part):
        raise unusable(entry, f"it is a {type(part).__name__}, not callable")
    if base is not None:
        module, _, attribute = base.partition(":")
        wanted = getattr(import_module(module), attribute)
        if made and not isinstance(part, wanted):
            raise unusable(entry, f"it is no {module}.{attribute}")
        if not made and not (isinstance(part, type) and issubclass(part, wanted)):
            raise unusable(entry, f"it is not a subclass of {module}.{attribute}")
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
        f"{entry} is written for "
        f"version {entry.api} of the plugin interface; this agekit accepts {accepted}",
        how_to_upgrade(upgrade),
    )


def family_names(family: Family) -> Mapping[str, str]:
    """The names of a family → `module:object` with the part's signature; empty if not known."""
    if not family.names:
        return {}
    module, _, attribute = family.names.partition(":")
    names: Mapping[str, str] = getattr(import_module(module), attribute)()
    return names


def unusable(entry: Entry, reason: str) -> PluginError:
    """The error for an entry whose own code or file is at fault."""
    hint = how_to_upgrade(entry.distribution)
    hint = f"reinstall it with {hint}" if hint.startswith("`") else hint
    if normalise(entry.distribution) != CORE:
        hint += (
            f", or go on without it: {DISABLE_VARIABLE}={entry.distribution} "
            f"or `pip uninstall {entry.distribution}`"
        )
    return PluginError(
        f"{entry} cannot be used: {reason}",
        hint,
    )


def unknown(kind: str, name: str) -> UnknownNameError:
    """The error for a name that no distribution gives, with what may be meant."""
    bare = name.rpartition(":")[2]
    row = KINDS[kind]
    for distribution in distributions():
        if distribution.disabled and bare in distribution.parts[kind]:
            return UnknownNameError(
                f"no {kind} named {name!r}: {distribution.name} gives it, "
                f"but {DISABLE_VARIABLE} turns that distribution off",
                f"unset {DISABLE_VARIABLE}, or take another of `agekit list {row.plural}`",
            )
    if giver := OFFICIAL.get((kind, bare)):
        return UnknownNameError(
            f"no {kind} named {name!r}: {giver} gives it, which is not installed",
            f"pip install {giver}",
        )
    found = entries(kind)
    givers = sorted({entry.distribution for entry in found if entry.name == bare})
    close = nearest(bare, {entry.name for entry in found})
    if not close and row.family:
        prefix = row.family.prefix
        of_family = {prefix + one for one in family_names(row.family)}
        close = nearest(prefix + bare.removeprefix(prefix).lower(), of_family)
    if givers:
        close = "; did you mean " + ", ".join(f"'{giver}:{bare}'" for giver in givers) + "?"
    also = f"; {row.family.title} is {row.family.pattern}" if row.family else ""
    hint = f"see `agekit list {row.plural}`{also}"
    here = {distribution.name for distribution in distributions()}
    if row.official and row.official not in here:
        hint = f"`pip install {row.official}` brings the {row.plural} of agekit's own; {hint}"
    elif not has_all():
        hint += f"; `pip install {PACKAGE}` brings all of agekit's own plugins"
    return UnknownNameError(f"no {kind} named {name!r}{close}", hint)


def how_to_upgrade(name: str) -> str:
    """A hint: the command that brings a newer or a whole version of a distribution.

    An editable install is its source: pip's ``-U`` would put another in its place. Where it came
    from is what the installer noted in ``direct_url.json`` (PEP 610).

    Args:
        name: of an installed distribution.
    """
    origin: Any = None
    with suppress(metadata.PackageNotFoundError, OSError, ValueError):
        origin = json.loads(metadata.distribution(name).read_text("direct_url.json") or "null")
    url = origin.get("url") if isinstance(origin, dict) else None
    if not isinstance(url, str):
        return f"`pip install -U {name}`"
    parts = urlsplit(url)
    place = quote(unquote(parts.path)) if parts.scheme == "file" else quote(f"{name} @ {url}")
    details = origin.get("dir_info")
    if isinstance(details, dict) and details.get("editable") is True:
        return f"mend or update its source, {place}, then `pip install -e {place}`"
    source = origin.get("vcs_info")
    if isinstance(source, dict):
        place = quote(f"{name} @ {source.get('vcs', 'git')}+{url}")
    return f"`pip install --force-reinstall {place}`"
