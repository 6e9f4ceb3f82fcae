"""From the name of a part and its arguments to the part."""

from __future__ import annotations

from typing import Any

from agekit.culprit import Culprit
from agekit.recipe.check import loss_arguments
from agekit.recipe.schema import PartConfig, Recipe
from agekit.registry import EVOLVERS, LOSSES, REGISTRIES, TASKS, Registry

__all__ = ["build_part", "distributions_of"]


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
    """What gives the parts of a recipe: distribution → version."""
    evolver = recipe.evolver
    entries = [TASKS.find(recipe.kind), EVOLVERS.find(evolver.type)]
    for key in loss_arguments(evolver.model_dump()):
        entries += [LOSSES.find(term["type"]) for term in evolver.arguments.get(key, ())]
    entries += [REGISTRIES[kind].find(part.type) for kind, part in recipe.named_parts()]
    return {entry.distribution: entry.version for entry in entries}
