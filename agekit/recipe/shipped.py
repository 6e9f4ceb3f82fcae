"""The recipes of plugins, as what their own distribution means by the names in them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from typing import Any

from agekit.errors import AgekitError
from agekit.recipe.merge import merge
from agekit.recipe.schema import DEFAULT_KIND
from agekit.registry import EVOLVERS, LOSSES, RECIPES, REGISTRIES, TASKS, Registry
from agekit.scope import within_distribution

__all__ = ["shipped"]


def shipped(name: str) -> dict[str, Any]:
    """A recipe on top of the one it extends, and so on down.

    A part whose name another distribution gives too is named with its distribution.

    Args:
        name: a registry name.

    Raises:
        AgekitError: there is none, it cannot be read, or it extends itself.
    """
    whole: list[dict[str, Any]] = []
    chain = RECIPES.chain(name)
    kind = next((str(data["kind"]) for _, data in chain if "kind" in data), DEFAULT_KIND)
    parts = TASKS.get(kind).recipe.parts if kind in TASKS.names() else {}
    for entry, data in chain:
        with within_distribution(entry.distribution):
            _pin(data, parts)
        data.pop("extends", None)
        whole.append(data)
    return reduce(merge, reversed(whole))


def _pin(data: dict[str, Any], parts: Mapping[str, str]) -> None:
    """Pins the parts that a recipe, or a preset of one, names.

    Args:
        data: the recipe.
        parts: see `agekit.recipe.schema.Recipe`.
    """
    for key, kind in parts.items():
        name, several, _ = key.partition(".*")
        if not several:
            _pin_part(data, name, REGISTRIES[kind])
        elif isinstance(named := data.get(name), dict):
            for one in named:
                _pin_part(named, one, REGISTRIES[kind])
    evolver, presets = data.get("evolver"), data.get("presets")
    _pin_part(data, "evolver", EVOLVERS)
    for terms in evolver.values() if isinstance(evolver, dict) else ():
        for index in range(len(terms) if isinstance(terms, list) else 0):
            _pin_part(terms, index, LOSSES)
    for preset in presets.values() if isinstance(presets, dict) else ():
        if isinstance(preset, dict):
            _pin(preset, parts)


def _pin_part(holder: Any, key: Any, registry: Registry) -> None:
    """Pins one part, a name or a mapping with a type; what is wrong with it is said elsewhere."""
    part = holder.get(key) if isinstance(holder, dict) else holder[key]
    if isinstance(part, dict):
        holder, key, part = part, "type", part.get("type")
    if isinstance(part, str):
        with suppress(AgekitError):
            holder[key] = registry.pinned(part)
