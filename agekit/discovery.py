"""Installed distributions and their entry points, read from metadata alone.

No plugin is imported here, and nothing outside the standard library. Each registry has one
entry-point group (`agekit.kinds.KINDS`); the entry's name is the registry name, its value
`module:object`. The group `agekit.api` holds one entry per distribution, whose *name* is the
integer version of the plugin interface the distribution was written for.
"""

from __future__ import annotations

import email
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from functools import lru_cache
from importlib import invalidate_caches, metadata
from importlib.util import find_spec
from pathlib import Path

from agekit.kinds import KINDS

__all__ = [
    "API_GROUP",
    "API_VERSION",
    "CORE",
    "DISABLE_VARIABLE",
    "OLDEST_API",
    "PACKAGE",
    "Distribution",
    "Entry",
    "core_version",
    "distributions",
    "entries",
    "module_paths",
    "normalise",
    "refresh",
]

API_VERSION = 2
"""The version of the plugin interface this core offers."""
OLDEST_API = 1
"""The oldest version of the plugin interface this core still accepts."""
API_GROUP = "agekit.api"
PACKAGE = "agekit"
"""The import name, and how the entry-point groups begin."""
CORE = "agekit-core"
"""The distribution of the import name."""
DISABLE_VARIABLE = "AGEKIT_DISABLE_PLUGINS"


@dataclass(frozen=True)
class Entry:
    """One named part.

    Args:
        kind: a key of `agekit.kinds.KINDS`.
        name: the registry name.
        value: `module:object`; for a recipe, `package.folder:file` without the suffix.
        distribution: the name of the distribution that gives it.
        version: the version of that distribution.
        api: the interface version the distribution was written for.
    """

    kind: str
    name: str
    value: str
    distribution: str
    version: str
    api: int

    def __str__(self) -> str:
        """As messages have it: ``loss 'l1' of agekit-ldl 0.1.0``."""
        return f"{self.kind} {self.name!r} of {self.provider}"

    @property
    def provider(self) -> str:
        """The distribution and its version."""
        return f"{self.distribution} {self.version}"

    @property
    def module(self) -> str:
        """The module part of `value`."""
        return self.value.partition(":")[0].strip()

    @property
    def attribute(self) -> str:
        """The object part of `value`, without extras."""
        return self.value.partition(":")[2].partition("[")[0].strip()


@dataclass(frozen=True)
class Distribution:
    """One installed distribution that gives agekit parts.

    Args:
        name: as its metadata spell it.
        version: its version.
        api: the interface version it declares, or None where it declares none.
        summary: one line about it.
        parts: kind → sorted names.
        disabled: whether `AGEKIT_DISABLE_PLUGINS` turns it off.
        problem: what is wrong with its metadata, or "".
    """

    name: str
    version: str
    api: int | None
    summary: str
    parts: Mapping[str, tuple[str, ...]] = field(hash=False)
    disabled: bool = False
    problem: str = ""


def normalise(name: str) -> str:
    """A distribution name in its PEP 503 form: lower case, runs of `-_.` as one `-`.

    The distribution `agekit` has no part of its own: of models, runs and recipes that name it, it
    is the core, which was called so when they were made.
    """
    bare = re.sub(r"[-_.]+", "-", name).lower()
    return CORE if bare == PACKAGE else bare


def entries(kind: str | None = None) -> tuple[Entry, ...]:
    """The parts of every distribution that is not disabled.

    Args:
        kind: a key of `agekit.kinds.KINDS`, or None for all kinds.

    Returns:
        sorted by kind (in the order of `KINDS`), name and distribution; a name that two
        distributions give appears twice.
    """
    return _entries(kind, os.environ.get(DISABLE_VARIABLE, ""))


def core_version() -> str:
    """The version of agekit that runs, as its distribution has it."""
    return metadata.version(CORE)


def distributions() -> tuple[Distribution, ...]:
    """Every distribution that gives parts, the disabled ones too, sorted by name."""
    return _distributions(os.environ.get(DISABLE_VARIABLE, ""))


def refresh() -> None:
    """Forgets what was found, so that a distribution installed since is seen."""
    invalidate_caches()
    for remembered in (_scan, _distributions, _entries):
        remembered.cache_clear()


def module_paths(module: str) -> list[Path]:
    """The paths where a module's source would lie, found without importing anything.

    Args:
        module: a dotted name.

    Returns:
        paths without a suffix, one per folder of the top-level package: the module is `<path>.py`
        or `<path>/__init__.py`; empty if the top-level package is not installed.
    """
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder, *rest) for folder in spec.submodule_search_locations]
    return [Path(spec.origin).with_suffix("")] if spec.origin and not rest else []


@lru_cache(maxsize=64)
def _entries(kind: str | None, disabled: str) -> tuple[Entry, ...]:
    order = list(KINDS)
    off = {found.name for found in _distributions(disabled) if found.disabled}
    chosen = [
        entry
        for _, found in _scan()
        for entry in found
        if kind in (None, entry.kind) and entry.distribution not in off
    ]
    return tuple(sorted(chosen, key=lambda e: (order.index(e.kind), e.name, e.distribution)))


@lru_cache(maxsize=2)
def _distributions(disabled: str) -> tuple[Distribution, ...]:
    off = {normalise(name.strip()) for name in disabled.split(",") if name.strip()}
    return tuple(
        replace(
            found,
            disabled=normalise(found.name) != CORE
            and ("all" in off or normalise(found.name) in off),
        )
        for found, _ in _scan()
    )


@lru_cache(maxsize=1)
def _scan() -> tuple[tuple[Distribution, tuple[Entry, ...]], ...]:
    """Reads the metadata of every distribution on the path that names an agekit group, once."""
    found: dict[str, tuple[Distribution, tuple[Entry, ...]]] = {}
    for candidate in metadata.distributions():
        if not _names_a_group(candidate):
            continue
        name = _header(_headers(candidate)[0], "Name")
        if name and normalise(name) not in found:
            found[normalise(name)] = _read(name, candidate)
    return tuple(found[key] for key in sorted(found) if found[key][1] or found[key][0].problem)


def _read(name: str, candidate: metadata.Distribution) -> tuple[Distribution, tuple[Entry, ...]]:
    """One distribution and its parts; `candidate` gives way to an earlier one on the path."""
    with suppress(metadata.PackageNotFoundError):
        candidate = metadata.distribution(name)
    headers, problem = _headers(candidate)
    version = _header(headers, "Version") or "unknown"
    kinds = {kind.group: kind.name for kind in KINDS.values()}
    try:
        points = list(candidate.entry_points)
    except (TypeError, ValueError) as error:
        points, problem = [], f"its entry_points.txt cannot be read: {error}"
    declared = [point.name for point in points if point.group == API_GROUP]
    api = _declared_api(declared)
    if declared and api is None:
        problem = f"its entry in group {API_GROUP} is named {declared[0]!r}, not an integer"
    found = tuple(
        dict.fromkeys(
            Entry(kinds[p.group], p.name, p.value, name, version, 1 if api is None else api)
            for p in points
            if p.group in kinds
        )
    )
    parts = {
        kind: tuple(sorted(entry.name for entry in found if entry.kind == kind)) for kind in KINDS
    }
    summary = _header(headers, "Summary")
    return Distribution(name, version, api, summary, parts, problem=problem), found


def _names_a_group(candidate: metadata.Distribution) -> bool:
    try:
        return f"[{PACKAGE}." in (candidate.read_text("entry_points.txt") or "")
    except UnicodeDecodeError as error:
        return f"[{PACKAGE}.".encode() in error.object
    except (OSError, ValueError):
        return False


def _declared_api(names: list[str]) -> int | None:
    """The declared version this core offers, else the newest declared, else None."""
    versions = [int(name) for name in names if name.isdecimal()]
    return API_VERSION if API_VERSION in versions else max(versions, default=None)


def _headers(candidate: metadata.Distribution) -> tuple[metadata.PackageMetadata | Message, str]:
    """The metadata, and what is wrong with them; what is not UTF-8 is read with gaps."""
    try:
        return candidate.metadata, ""
    except UnicodeDecodeError as error:
        text = error.object.decode("utf-8", "replace")
        return email.message_from_string(text), f"its METADATA cannot be read: {error}"


def _header(message: metadata.PackageMetadata | Message, key: str) -> str:
    """One metadata header, or "" where the metadata lack it."""
    return str(message[key]) if key in message else ""
