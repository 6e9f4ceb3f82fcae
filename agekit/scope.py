"""The distribution that is meant by a name which several give.

A user's name must say it. A model's names mean the parts of the distributions it was made with, a
recipe's those of its own distribution and of what that requires; so a plugin that happens to give
the same name changes nothing for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import metadata

from agekit._loading import unusable
from agekit.discovery import CORE, DISABLE_VARIABLE, Entry, distributions, normalise
from agekit.errors import ConflictError

__all__ = ["meant", "within", "within_distribution"]

_TIERS: ContextVar[tuple[frozenset[str], ...]] = ContextVar("tiers", default=())


@contextmanager
def within(*tiers: Iterable[str]) -> Iterator[None]:
    """While this lasts, a name that several distributions give means the first tier's that has it.

    Args:
        tiers: names of distributions; then come those of the scope around this one, and the core.
    """
    inner = tuple(frozenset(map(normalise, tier)) for tier in tiers)
    token = _TIERS.set((*inner, *_TIERS.get(), frozenset([CORE])))
    try:
        yield
    finally:
        _TIERS.reset(token)


@contextmanager
def within_distribution(name: str) -> Iterator[None]:
    """While this lasts, names mean a distribution's own parts, else those of what it requires."""
    with within([name], _required(name)):
        yield


def meant(name: str, found: Sequence[Entry]) -> Entry:
    """The one of the entries of a name that is meant here.

    Raises:
        ConflictError: two distributions of one tier give it.
        PluginError: one distribution gives it twice.
    """
    for tier in _TIERS.get():
        found = [e for e in found if normalise(e.distribution) in tier] or found
        if len({entry.distribution for entry in found}) == 1:
            break
    first = found[0]
    givers = list(dict.fromkeys(entry.provider for entry in found))
    if len(givers) > 1:
        raise ConflictError(
            f"{first.kind} {name!r} is given by {' and by '.join(givers)}",
            f"choose one with '{first.distribution}:{first.name}', "
            f"or set {DISABLE_VARIABLE}={found[-1].distribution}",
        )
    if len(found) > 1:
        values = " and as ".join(entry.value for entry in found)
        raise unusable(first, f"its entry points name it more than once, as {values}")
    return first


def _required(name: str) -> frozenset[str]:
    """The distributions of plugins that one requires, and those that these require, and so on."""
    known = {normalise(one.name): one.name for one in distributions()}
    found: set[str] = set()
    waiting = [normalise(name)]
    while waiting:
        one = waiting.pop()
        try:
            lines = metadata.requires(known.get(one, one)) or []
        except (metadata.PackageNotFoundError, UnicodeDecodeError, ValueError):
            continue
        for line in lines:
            bare = normalise(re.split(r"[^A-Za-z0-9._-]", line.strip(), maxsplit=1)[0])
            if "extra ==" not in line and bare in known and bare not in found:
                found.add(bare)
                waiting.append(bare)
    return frozenset(found)
