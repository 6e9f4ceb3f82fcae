"""The check of any installed part, with what the installed recipes say of how it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from agekit import signature, testing
from agekit.culprit import Culprit
from agekit.discovery import Entry
from agekit.errors import AgekitError
from agekit.kinds import KINDS
from agekit.recipe.parts import build_part, shipped
from agekit.recipe.schema import DataConfig, PartConfig
from agekit.registry import BACKBONES, DATASETS, EVOLVERS, HEADS, RECIPES
from agekit.scope import within_distribution
from agekit.tasks.estimator.model import feature_length
from agekit.testing.backbone import check_backbone
from agekit.testing.evolver import check_evolver
from agekit.testing.head import check_head
from agekit.testing.loss import check_loss

__all__ = ["check_as_used"]

_NOT_ARGUMENTS = ("type", "pretrained", *KINDS["loss"].beside)
_AGES = ((0, 12), (16, 30))
_SHOWN_FACES = ("detector", "evolver")
_AGER = ("--domains", "20-29,50-69", "--set", "data.load_size=36")


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
            if one.required and argument not in row.given and row.usual
        ]
        if lacking:
            return f"no recipe gives its argument {lacking[0]!r}"
        getattr(testing, row.check)(name)
    return ""


def _check_backbone(entry: Entry, name: str) -> str:
    """On 64 pixels or, where it takes none of those, on a recipe's."""
    uses = [data for _, data in _recipes(entry) if _is(data.get("backbone"), entry)]
    arguments = _arguments(uses[0]["backbone"]) if uses else {}
    sizes = {64: None} | {data["data"]["size"]: None for data in uses if "size" in _data(data)}
    for left, size in enumerate(sizes, 1 - len(sizes)):
        try:
            check_backbone(name, size=size, arguments=arguments)
            break
        except AssertionError as error:
            if left == 0 or "a forward pass on images of" not in str(error):
                raise
    return ""


def _check_head(entry: Entry, name: str) -> str:
    """With the arguments and, where a recipe names its backbone, the features it has there."""
    arguments: dict[str, Any] = {}
    features = 32
    for _, data in _recipes(entry):
        used = [head for head in _mapping(data, "heads").values() if _is(head, entry)]
        if used:
            arguments = _arguments(used[0])
            if "backbone" in data:
                features = _feature_length(data)
            break
    check_head(name, in_features=features, arguments=arguments, ages=_AGES)
    return ""


def _feature_length(data: Mapping[str, Any]) -> int:
    """The length of the features of a recipe's own backbone at the recipe's size."""
    backbone = data["backbone"]
    part = PartConfig.model_validate({"type": _type(backbone), **_arguments(backbone)})
    culprit = Culprit("backbone", part.type, build_part(BACKBONES, part))
    return feature_length(culprit, _data(data).get("size", DataConfig().size))


def _check_loss(entry: Entry, name: str) -> str:
    """On the head that a recipe uses it with, else on the first of all heads that it takes."""
    for _, data in _recipes(entry):
        heads = _mapping(data, "heads")
        for term in _terms(data.get("evolver")):
            if _is(term, entry) and term.get("head") in heads:
                head = heads[term["head"]]
                check_loss(
                    name,
                    head=head["type"],
                    head_arguments=_arguments(head),
                    heads=heads,
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
    for recipe, data in _recipes(entry):
        if not _is(data.get("evolver"), entry) or "quick" not in data.get("presets", {}):
            continue
        ager = data.get("kind") == "ager"
        part, usual = ("generator", "resnet-6blocks") if ager else ("backbone", "resnet10-tiny")
        whole = recipe if part in data else f"{recipe}-{usual}"
        many = "generations" in (signature.parameters(EVOLVERS.find(name)) or {})
        options = (*(_AGER if ager else ()), *(("--generations", "2") if many else ()))
        check_evolver(name, recipe=whole, generations=1 + many, options=options)
        return ""
    return "no installed recipe with a preset `quick` uses it"


_WITH_RECIPES: dict[str, Callable[[Entry, str], str]] = {
    "backbone": _check_backbone,
    "head": _check_head,
    "loss": _check_loss,
    "evolver": _check_evolver,
}
"""Kinds that are checked with what the recipes say of them."""


def _recipes(entry: Entry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The recipes that can be read, those of the part's own distribution first."""
    for one in sorted(RECIPES.entries(), key=lambda r: r.distribution != entry.distribution):
        name = f"{one.distribution}:{one.name}"
        with suppress(AgekitError):
            yield name, shipped(name)


def _is(part: object, entry: Entry) -> bool:
    return _type(part).rpartition(":")[2] == entry.name


def _type(part: object) -> str:
    return str(part.get("type") if isinstance(part, Mapping) else part)


def _arguments(part: object) -> dict[str, Any]:
    """The arguments of a part but its name; nothing is fetched for a check."""
    if not isinstance(part, Mapping):
        return {}
    return {key: value for key, value in part.items() if key not in _NOT_ARGUMENTS}


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _data(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(data, "data")


def _terms(part: object) -> Iterator[Mapping[str, Any]]:
    """Every mapping that names a head, anywhere below."""
    if isinstance(part, Mapping):
        if {"type", "head"} <= part.keys():
            yield part
        for value in part.values():
            yield from _terms(value)
    elif isinstance(part, list):
        for value in part:
            yield from _terms(value)
