"""The names of what is trained: a recipe, alone or on a network."""

from __future__ import annotations

from collections.abc import Iterable

from agekit.discovery import normalise
from agekit.errors import UnknownNameError, nearest
from agekit.kinds import TIMM_PREFIX
from agekit.registry import BACKBONES, GENERATORS, RECIPES

__all__ = ["resolve_recipe_name"]


def resolve_recipe_name(name: str) -> tuple[str, str | None]:
    """Splits what a user trains into a recipe and a backbone, or an ager's generator.

    The recipe is the longest recipe name that, followed by `-`, leaves a known backbone:
    `ldl-reg-resnet10-tiny` → `("ldl-reg", "resnet10-tiny")`, `reg-timm/mobilenetv3_small_100` →
    `("reg", "timm/mobilenetv3_small_100")`, `cen` → `("cen", None)`. Both may carry their
    distribution: `agekit-cen:cen-resnet18` → `("agekit-cen:cen", "resnet18")`.

    Raises:
        UnknownNameError: saying whether the recipe or the backbone is unknown.
    """
    known = RECIPES.spellings()
    if name in known:
        return name, None
    prefixes = [recipe for recipe in known if name.startswith(f"{recipe}-")]
    splits = [(recipe, name[len(recipe) + 1 :]) for recipe in sorted(prefixes, key=len)[::-1]]
    for recipe, backbone in splits:
        if _is_backbone(backbone):
            return recipe, backbone
    if splits:
        recipe, backbone = splits[0]
        raise UnknownNameError(
            f"recipe {recipe!r} is known, but no backbone is named {backbone!r}"
            f"{nearest(backbone, BACKBONES.names())}",
            f"see `agekit list backbones`; any timm network is {TIMM_PREFIX}<model>",
        )
    recipe = _without_backbone(name)
    meant = nearest(recipe, known)
    if not meant:
        combined = [f"{one}-{other}" for one in known for other in BACKBONES.names()]
        meant = nearest(name, combined)
    raise UnknownNameError(f"no recipe is named {recipe!r}{meant}", "see `agekit list recipes`")


def _is_backbone(name: str) -> bool:
    if name.startswith(TIMM_PREFIX):
        return len(name) > len(TIMM_PREFIX)
    giver, _, bare = name.rpartition(":")
    return any(
        entry.name == bare and (not giver or normalise(entry.distribution) == normalise(giver))
        for entry in (*BACKBONES.entries(), *GENERATORS.entries())
    )


def _without_backbone(name: str) -> str:
    """`name` less the longest known backbone at its end."""
    recipe, dash, _ = name.partition(f"-{TIMM_PREFIX}")
    if dash:
        return recipe
    ends: Iterable[str] = (f"-{backbone}" for backbone in BACKBONES.names())
    return name.removesuffix(max((end for end in ends if name.endswith(end)), key=len, default=""))
