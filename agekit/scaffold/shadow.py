"""Names of recipes that mean something without them."""

from __future__ import annotations

from agekit.discovery import entries
from agekit.kinds import TIMM_PREFIX

__all__ = ["shadowed"]


def shadowed(name: str) -> tuple[str, str] | None:
    """The recipe and the backbone, or generator, that a name means were no recipe called so.

    `agekit.registry.resolve_recipe_name` takes the recipe of just that name first, so that one
    called ``cen-resnet18`` would be trained in place of ``cen`` on ``resnet18``.
    """
    parts = {entry.name for kind in ("backbone", "generator") for entry in entries(kind)}
    recipes = {entry.name for entry in entries("recipe")}
    for recipe in sorted(recipes, key=len, reverse=True):
        part = name.removeprefix(f"{recipe}-")
        if part != name and (part in parts or part.startswith(TIMM_PREFIX)):
            return recipe, part
    return None
