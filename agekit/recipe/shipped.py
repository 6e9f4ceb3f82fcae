"""The recipes of plugins, as what their own distribution means by the names in them."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from typing import Any

from agekit.errors import AgekitError
from agekit.recipe.merge import merge
from agekit.registry import BACKBONES, EVOLVERS, GENERATORS, HEADS, LOSSES, RECIPES, Registry
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
    for entry, data in RECIPES.chain(name):
        with within_distribution(entry.distribution):
            _pin(data)
        data.pop("extends", None)
        whole.append(data)
    return reduce(merge, reversed(whole))


def _pin(data: dict[str, Any]) -> None:
    """Pins the parts that a recipe, or a preset of one, names."""
    for key, registry in (("backbone", BACKBONES), ("generator", GENERATORS)):
        _pin_part(data, key, registry)
    heads, evolver, presets = (data.get(key) for key in ("heads", "evolver", "presets"))
    for name in heads if isinstance(heads, dict) else ():
        _pin_part(heads, name, HEADS)
    _pin_part(data, "evolver", EVOLVERS)
    for terms in evolver.values() if isinstance(evolver, dict) else ():
        for index in range(len(terms) if isinstance(terms, list) else 0):
            _pin_part(terms, index, LOSSES)
    for preset in presets.values() if isinstance(presets, dict) else ():
        if isinstance(preset, dict):
            _pin(preset)


def _pin_part(holder: Any, key: Any, registry: Registry) -> None:
    """Pins one part, a name or a mapping with a type; what is wrong with it is said elsewhere."""
    part = holder.get(key) if isinstance(holder, dict) else holder[key]
    if isinstance(part, dict):
        holder, key, part = part, "type", part.get("type")
    if isinstance(part, str):
        with suppress(AgekitError):
            holder[key] = registry.pinned(part)
