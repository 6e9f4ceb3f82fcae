"""The parts that recipes name: pinned to their distributions, checked without import, built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import reduce
from typing import Any

from agekit import signature
from agekit._annotation import fits
from agekit.culprit import Culprit
from agekit.errors import AgekitError, ConfigError, nearest
from agekit.recipe.merge import merge
from agekit.recipe.schema import DEFAULT_KIND, PartConfig, Recipe
from agekit.registry import EVOLVERS, LOSSES, RECIPES, REGISTRIES, TASKS, Registry
from agekit.scope import within_distribution
from agekit.task import Task

__all__ = [
    "build_part",
    "check_parts",
    "distributions_of",
    "loss_arguments",
    "part_places",
    "registered_recipe",
]


def build_part(registry: Registry, part: PartConfig, *positional: Any) -> Any:
    """Builds a part from its registry with its recipe's arguments.

    Args:
        registry: where its name is looked up.
        part: its name and keyword arguments.
        positional: what the core gives it first.

    Raises:
        ContractError: it does not take these arguments, or fails with them.
    """
    arguments = part.arguments
    factory = registry.get(part.type)
    with Culprit(registry.kind, part.type).doing(f"cannot be built with {arguments}"):
        return factory(*positional, **arguments)


def distributions_of(recipe: Recipe) -> dict[str, str]:
    """The distributions that give the parts of a recipe, and their versions."""
    evolver = recipe.evolver
    entries = [TASKS.find(recipe.kind), EVOLVERS.find(evolver.type)]
    for key in loss_arguments(evolver.model_dump()):
        entries += [LOSSES.find(term["type"]) for term in evolver.arguments.get(key, ())]
    entries += [REGISTRIES[kind].find(part.type) for kind, part in recipe.named_parts()]
    return {entry.distribution: entry.version for entry in entries}


def registered_recipe(name: str) -> dict[str, Any]:
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
    parts = TASKS.get(kind).recipe.all_parts() if kind in TASKS.names() else {}
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
        for _, holder, name in part_places(data, key):
            _pin_part(holder, name, REGISTRIES[kind])
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


def check_parts(recipe: Mapping[str, Any], task: Task) -> list[str]:
    """The mistakes in a recipe's parts: unknown names, unknown or ill-typed arguments.

    Args:
        recipe: a merged recipe as plain data; what the schema refuses is passed over here.
        task: whose recipe it is.
    """
    mistakes: list[str] = []
    for key, kind in task.recipe.all_parts().items():
        found = list(part_places(recipe, key))
        name = key.removesuffix(".*")
        if not found and name != key and "." not in name:
            mistakes.append(f"{name}: {task.title} needs at least one {kind}")
        for where, holder, at in found:
            mistakes += _part(where, REGISTRIES[kind], holder[at])
    return mistakes + _evolver(recipe.get("evolver"), _named(recipe, "heads"))


def part_places(recipe: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    """The places where a recipe names parts.

    Args:
        recipe: plain data.
        key: a key of `Recipe.parts`, such as ``backbone``, ``heads.*`` or ``train.optimizer``.

    Yields:
        The place in words, the mapping or list that holds the part, and its key there.
    """
    *path, last = key.split(".")
    held = recipe
    for name in path:
        held = held.get(name) if isinstance(held, dict) else None
    keys: list[Any] = [last] if isinstance(held, dict) and last in held else []
    if last == "*" and isinstance(held, dict | list):
        keys = list(held) if isinstance(held, dict) else list(range(len(held)))
    for name in keys:
        yield ".".join([*path, str(name)]), held, name


def _named(recipe: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The parts that a recipe names under a key; none where that is no mapping."""
    named = recipe.get(key)
    return named if isinstance(named, Mapping) else {}


def _evolver(part: Any, heads: Mapping[str, Any]) -> list[str]:
    mistakes = _part("evolver", EVOLVERS, part)
    for key in loss_arguments(part):
        terms = part.get(key)
        if not isinstance(terms, list) or not terms:
            mistakes.append(f"evolver.{key}: must be a list of at least one loss term")
            continue
        for index, term in enumerate(terms):
            where = f"evolver.{key}.{index}"
            mistakes += _part(where, LOSSES, term)
            if isinstance(term, Mapping):
                mistakes += _term(where, term, heads)
    return mistakes


def _term(where: str, term: Mapping[str, Any], heads: Mapping[str, Any]) -> list[str]:
    """The mistakes in what the recipe says of a term, beside the loss's own arguments."""
    mistakes: list[str] = []
    head, weight = term.get("head"), term.get("weight", 1.0)
    if not isinstance(head, str):
        mistakes.append(f"{where}.head: must name one of the recipe's heads: {', '.join(heads)}")
    elif head not in heads:
        mistakes.append(f"{where}.head: the recipe has no head {head!r}{nearest(head, heads)}")
    if not fits("float", weight):
        mistakes.append(f"{where}.weight: must be a number (got {weight!r})")
    return mistakes


def loss_arguments(part: Any) -> list[str]:
    """The arguments of an evolver that list loss terms, by their annotation.

    Args:
        part: the recipe's ``evolver``; anything else has none.
    """
    try:
        parameters = signature.parameters(EVOLVERS.find(str(part["type"])))
    except (AgekitError, TypeError, KeyError):
        return []
    return [name for name, p in (parameters or {}).items() if "LossTerms" in (p.annotation or "")]


def _part(where: str, registry: Registry, part: Any) -> list[str]:
    """The mistakes in one part."""
    row = registry.row
    if isinstance(part, Mapping) and row.usual:
        # A recipe that was written down holds null where it leaves a key to the part.
        part = {"type": row.usual, **{k: v for k, v in part.items() if v is not None}}
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        return [] if part is None else [f"{where}: must be a mapping with a type"]
    try:
        entry = registry.find(part["type"])
    except ConfigError as error:
        return [f"{where}: {mistake}" for mistake in error.mistakes]
    except AgekitError as error:
        return [f"{where}: {error}"]
    given = {key: value for key, value in part.items() if key not in {"type", *row.beside}}
    mistakes = [f"{where}: {mistake}" for mistake in signature.check(entry, given, row.given)]
    if row.usual and any("has no argument" in mistake for mistake in mistakes):
        mistakes[-1] += f"; give the {row.name} as a whole, {where}={{type: {part['type']}, ...}}"
    return mistakes
