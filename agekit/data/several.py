"""The name of several datasets as one, ``utkface+all-age-faces``, and what is given for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agekit.errors import ConfigError, nearest
from agekit.registry import DATASETS

__all__ = ["AND", "converted", "for_each", "members", "must_be_one", "plainly"]

AND = "+"


def members(dataset: str) -> tuple[str, ...]:
    """The datasets that a name joins, in its order; a name without a plus is one of them.

    Raises:
        ConfigError: there is a plus without a name on either side, or a dataset is named twice.
        AgekitError: one of several is not known.
    """
    names = tuple(dataset.split(AND))
    if len(names) == 1:
        return names
    if "" in names:
        raise ConfigError(
            f"{dataset!r} lacks a dataset beside a plus sign",
            "name datasets as in utkface+all-age-faces",
        )
    seen = set[str]()
    for name in names:
        entry = str(DATASETS.find(name))
        if entry in seen:
            raise ConfigError(f"{dataset!r} names {name} twice", "name each dataset once")
        seen.add(entry)
    return names


def must_be_one(dataset: str, what: str) -> None:
    """Refuses several datasets where one is needed.

    Args:
        dataset: the name.
        what: takes but one, such as ``agekit data pack``.

    Raises:
        ConfigError: several are named.
    """
    if len(names := members(dataset)) > 1:
        raise ConfigError(
            f"{what} takes one dataset, not {' and '.join(names)} together", "name one at a time"
        )


def for_each(dataset: str, given: Any, what: str) -> tuple[dict[str, Any], Any]:
    """The values given for each of the datasets of a name, and for all.

    Args:
        dataset: the name.
        given: one for all, or name → one; ``""`` is the name of all others.
        what: is given, as the command line has it: ``--root``.

    Raises:
        ConfigError: something is given for a dataset that is not among them.
    """
    names = members(dataset)
    if not isinstance(given, Mapping):
        return {}, given
    own: dict[str, Any] = {}
    bare = {plainly(name): name for name in names}
    for name, value in given.items():
        if name and name not in names and name not in bare:
            raise ConfigError(
                f"{what} {name}={value}: there is no dataset {name!r} in {dataset!r}"
                f"{nearest(name, names)}",
                f"give {what} for {' or '.join(names)}",
            )
        if name:
            own[name if name in names else bare[name]] = value
    return own, given.get("")


def converted(dataset: str, given: Any, what: str, form: Callable[[Any], Any]) -> Any:
    """A value for one dataset in another form; of several, dataset → each that has one.

    Args:
        dataset: see `for_each`, as for the next two.
        given: what.
        what: is given.
        form: makes the other form; None of what has none.
    """
    own, common = for_each(dataset, given, what)
    if len(members(dataset)) == 1:
        value = own.get(dataset, common)
        return None if value is None else form(value)
    return {name: made for name, value in own.items() if (made := form(value)) is not None}


def plainly(name: str) -> str:
    """The name of a dataset without that of its distribution."""
    return name.rpartition(":")[2]
