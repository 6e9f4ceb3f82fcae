"""The checks of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from agekit.errors import AgekitError
from agekit.recipe import LossTerm, resolve
from agekit.recipe.parts import loss_arguments
from agekit.recipe.schema import DEFAULT_KIND
from agekit.registry import RECIPES, TASKS
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.target import Target
from agekit.tasks.estimator.trial import Trial
from agekit.training.evolver import build_evolver
from agekit_testkit.checks.modules import drawn

__all__ = ["check_recipe", "with_network"]

_N = 4
_AGES = (16, 77)
_USUAL = {"backbone": "resnet10-tiny", "generator": "resnet-6blocks"}
"""What a recipe is tried on where it leaves that open."""


def with_network(name: str, part: str | None = None) -> tuple[str, bool]:
    """A recipe with a network to train it with, and whether that is the recipe's own.

    Args:
        name: its registry name.
        part: the network to try it on where it leaves that open; else a small one.
    """
    chain = [data for _, data in RECIPES.chain(name)]
    kind = next((str(data["kind"]) for data in chain if "kind" in data), DEFAULT_KIND)
    key = TASKS.get(kind).recipe.open_part
    own = any(key in data for data in chain)
    return (name if own else f"{name}-{part or _USUAL[key]}"), own


def check_recipe(name: str, *, part: str | None = None, largest: int = 64) -> None:
    """Checks that a recipe keeps its contract, each of its presets too.

    Every name and argument in it is right, what it resolves to survives YAML, its network and its
    losses can be built and fit together, and each trainable weight gets a gradient from them.
    Nothing is trained and nothing fetched: weights are new even where it asks for pretrained ones.

    Args:
        name: its registry name, without a backbone.
        part: the backbone to try it on, or an ager's generator, where it leaves that open.
        largest: side of the images to try it with, pixels, where it takes larger ones.

    Raises:
        AssertionError: saying what is wrong.
    """
    chain = [data for _, data in RECIPES.chain(name)]
    if not chain[0].get("description"):
        raise AssertionError(f"recipe {name!r}: it has no description")
    whole, _ = with_network(name, part)
    presets = dict.fromkeys(preset for data in chain for preset in data.get("presets", {}))
    built: set[str] = set()
    for preset in (None, *presets):
        label = f"recipe {name!r}" + (f", preset {preset!r}" if preset else "")
        try:
            _check(label, whole, preset, largest, built)
        except AgekitError as error:
            raise AssertionError(f"{label}: {error}") from error


def _check(label: str, name: str, preset: str | None, largest: int, built: set[str]) -> None:
    """One preset; `built` remembers the networks and losses that need no second look."""
    resolved = resolve(name, preset=preset)
    with TemporaryDirectory() as folder:
        path = Path(folder, "recipe.yaml")
        path.write_text(resolved.to_yaml(), encoding="utf-8")
        again = resolve(str(path)).recipe
    if again != resolved.recipe:
        raise AssertionError(f"{label}: written as YAML it is read back otherwise")
    evolver = build_evolver(resolved.recipe.evolver, resolved.recipe.kind)
    if not isinstance(resolved.recipe, EstimatorRecipe):
        TASKS.get(resolved.recipe.kind).untrained(resolved.recipe)
        return
    recipe = _without_weights(resolved.recipe)
    size = min(recipe.data.size, largest)
    parts = f"{size} {recipe.backbone} {recipe.heads} {recipe.evolver} {recipe.estimate.rule}"
    if parts in built:
        return
    built.add(parts)
    try:
        network = build_estimator(_of_size(recipe, size), _AGES, 0)
    except AgekitError:
        size = recipe.data.size
        network = build_estimator(recipe, _AGES, 0)
    ages = torch.linspace(float(_AGES[0]), float(_AGES[1]), _N)
    target = Target(ages, torch.full((_N,), torch.nan), _AGES)
    with drawn():
        trial = Trial(recipe, network, torch.randn(_N, 3, size, size), target)
        trial.estimate()
        for key in loss_arguments(recipe.evolver.model_dump()):
            terms = [LossTerm.model_validate(t) for t in recipe.evolver.arguments.get(key, ())]
            if terms:
                trial.train(terms, first=key == evolver.first)
                _check_reached(f"{label}, evolver.{key}", network)


def _check_reached(label: str, network: AgeEstimator) -> None:
    """The losses gave each weight a gradient."""
    without = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    if without:
        raise AssertionError(
            f"{label}: no loss gives a gradient to {', '.join(without[:3])}; training on several "
            "GPUs would stop there"
        )


def _without_weights(recipe: EstimatorRecipe) -> EstimatorRecipe:
    """The same recipe without pretrained weights, so that nothing is fetched."""
    arguments: Mapping[str, Any] = recipe.backbone.arguments
    if "pretrained" not in arguments:
        return recipe
    backbone = recipe.backbone.model_copy(update={"pretrained": False})
    return recipe.model_copy(update={"backbone": backbone})


def _of_size(recipe: EstimatorRecipe, size: int) -> EstimatorRecipe:
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"size": size})})
