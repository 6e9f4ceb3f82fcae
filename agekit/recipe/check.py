"""Checks every part a recipe names against the registries, without importing the part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agekit import signature
from agekit._annotation import fits
from agekit.errors import AgekitError, ConfigError, nearest
from agekit.registry import EVOLVERS, LOSSES, REGISTRIES, Registry
from agekit.task import Task

__all__ = ["check_parts", "loss_arguments"]


def check_parts(recipe: Mapping[str, Any], task: Task) -> list[str]:
    """The mistakes in a recipe's parts: unknown names, unknown or ill-typed arguments.

    Args:
        recipe: a merged recipe as plain data; what the schema refuses is passed over here.
        task: whose recipe it is.
    """
    mistakes: list[str] = []
    for key, kind in task.recipe.parts.items():
        name, several, _ = key.partition(".*")
        if not several:
            mistakes += _part(name, REGISTRIES[kind], recipe.get(name))
            continue
        named = _named(recipe, name)
        if not named:
            mistakes.append(f"{name}: {task.title} needs at least one {kind}")
        for one, part in named.items():
            mistakes += _part(f"{name}.{one}", REGISTRIES[kind], part)
    return mistakes + _evolver(recipe.get("evolver"), _named(recipe, "heads"))


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
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        return [] if part is None else [f"{where}: must be a mapping with a type"]
    try:
        entry = registry.find(part["type"])
    except ConfigError as error:
        return [f"{where}: {mistake}" for mistake in error.mistakes]
    except AgekitError as error:
        return [f"{where}: {error}"]
    row = registry.row
    given = {key: value for key, value in part.items() if key not in {"type", *row.beside}}
    return [f"{where}: {mistake}" for mistake in signature.check(entry, given, row.given)]
