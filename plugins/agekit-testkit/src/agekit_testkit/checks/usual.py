"""The check of any installed part, with what the installed recipes say of how it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import agekit_testkit
from agekit import signature
from agekit.culprit import Culprit
from agekit.discovery import Entry
from agekit.errors import AgekitError
from agekit.kinds import KINDS
from agekit.recipe import LossTerm, Recipe, resolve
from agekit.recipe.parts import build_part, loss_arguments
from agekit.recipe.schema import PartConfig
from agekit.registry import BACKBONES, DATASETS, EVOLVERS, HEADS, RECIPES, TASKS
from agekit.scope import within_distribution
from agekit.tasks.estimator.model import feature_length
from agekit_testkit.checks.backbone import check_backbone
from agekit_testkit.checks.evolver import check_evolver
from agekit_testkit.checks.head import check_head
from agekit_testkit.checks.loss import check_loss
from agekit_testkit.checks.recipe import with_network

__all__ = ["check_as_used"]


_AGES = ((0, 12), (16, 30))
_SHOWN_FACES = ("detector", "evolver")


def check_as_used(entry: Entry) -> str:
    """Checks a part, as the recipes of its distribution or of another use it.

    Args:
        entry: of the part.

    Returns:
        Why it could not be checked; empty where it was.

    Raises:
        AssertionError: saying what is wrong.
        AgekitError: likewise.
    """
    name = f"{entry.distribution}:{entry.name}"
    if entry.kind in _SHOWN_FACES and not any(d.name == "synthfaces" for d in DATASETS.entries()):
        return "there are no faces to try it on: install agekit-synthfaces"
    with within_distribution(entry.distribution):
        if entry.kind in _WITH_RECIPES:
            return _WITH_RECIPES[entry.kind](entry, name)
        row = KINDS[entry.kind]
        lacking = [
            argument
            for argument, one in (signature.parameters(entry) or {}).items()
            if one.required and argument not in row.given and (row.usual or row.name == "hook")
        ]
        if lacking:
            return f"no recipe gives its argument {lacking[0]!r}"
        getattr(agekit_testkit, f"check_{entry.kind}")(name)
    return ""


def _check_backbone(entry: Entry, name: str) -> str:
    """On 64 pixels or, where it takes none of those, on a recipe's."""
    uses = [recipe for _, recipe, own in _recipes(entry) if own and _is(recipe.network, entry)]
    arguments = _arguments(uses[0].network) if uses else {}
    sizes = list(dict.fromkeys([64, *(recipe.data.size for recipe in uses)]))
    for size in sizes:
        try:
            check_backbone(name, size=size, arguments=arguments)
            break
        except AssertionError as error:
            if size == sizes[-1] or "a forward pass on images of" not in str(error):
                raise
    return ""


def _check_head(entry: Entry, name: str) -> str:
    """With the arguments and, where a recipe names its backbone, the features it has there."""
    arguments: dict[str, Any] = {}
    features = 32
    for _, recipe, own in _recipes(entry):
        used = [head for head in _heads(recipe).values() if _is(head, entry)]
        if used:
            arguments = _arguments(used[0])
            if own:
                features = _feature_length(recipe)
            break
    check_head(name, in_features=features, arguments=arguments, ages=_AGES)
    return ""


def _feature_length(recipe: Recipe) -> int:
    """The length of the features of a recipe's own backbone at the recipe's size."""
    part = PartConfig.model_validate({"type": recipe.network.type, **_arguments(recipe.network)})
    culprit = Culprit("backbone", part.type, build_part(BACKBONES, part))
    return feature_length(culprit, recipe.data.size)


def _check_loss(entry: Entry, name: str) -> str:
    """On the head that a recipe uses it with, else on the first of all heads that it takes."""
    for _, recipe, _ in _recipes(entry):
        heads = _heads(recipe)
        for key in loss_arguments(recipe.evolver.model_dump()):
            for term in map(LossTerm.model_validate, recipe.evolver.arguments.get(key, ())):
                if _is(term, entry):
                    check_loss(
                        name,
                        head=heads[term.head].type,
                        head_arguments=_arguments(heads[term.head]),
                        heads={one: head.model_dump() for one, head in heads.items()},
                        arguments=_arguments(term),
                        ages=_AGES,
                    )
                    return ""
    others = sorted(HEADS.entries(), key=lambda head: head.distribution != entry.distribution)
    for head in others:
        with suppress(AssertionError):
            check_loss(name, head=f"{head.distribution}:{head.name}", ages=_AGES)
            return ""
    return "no recipe says which head it is for, and it takes no installed head's output"


def _check_evolver(entry: Entry, name: str) -> str:
    """By training a recipe that uses it and has a preset ``quick``."""
    for recipe_name, recipe, _ in _recipes(entry, preset="quick"):
        if _is(recipe.evolver, entry):
            many = "generations" in (signature.parameters(EVOLVERS.find(name)) or {})
            brief = TASKS.get(recipe.kind).brief
            options: tuple[str, ...] = () if brief is None else tuple(brief(recipe))
            options += ("--generations", "2") if many else ()
            check_evolver(name, recipe=recipe_name, generations=1 + many, options=options)
            return ""
    return "no installed recipe with a preset `quick` uses it"


_WITH_RECIPES: dict[str, Callable[[Entry, str], str]] = {
    "backbone": _check_backbone,
    "head": _check_head,
    "loss": _check_loss,
    "evolver": _check_evolver,
}
"""Kinds that are checked with what the recipes say of them."""


def _recipes(entry: Entry, preset: str | None = None) -> Iterator[tuple[str, Recipe, bool]]:
    """The recipes that can be read, those of the part's own distribution first.

    Yields:
        A recipe's name with its network, the recipe, and whether it names the network itself.
    """
    for one in sorted(RECIPES.entries(), key=lambda r: r.distribution != entry.distribution):
        with suppress(AgekitError):
            name, own = with_network(f"{one.distribution}:{one.name}")
            yield name, resolve(name, preset=preset).recipe, own


def _is(part: PartConfig, entry: Entry) -> bool:
    return part.type.rpartition(":")[2] == entry.name


def _heads(recipe: Recipe) -> Mapping[str, PartConfig]:
    heads: Mapping[str, PartConfig] = getattr(recipe, "heads", {})
    return heads


def _arguments(part: PartConfig) -> dict[str, Any]:
    """The arguments of a part; nothing is fetched for a check."""
    return {key: value for key, value in part.arguments.items() if key != "pretrained"}
