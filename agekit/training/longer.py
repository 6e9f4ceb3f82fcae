"""Going on with a run for more epochs or generations than it was begun with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agekit import signature
from agekit.errors import ConfigError
from agekit.recipe import Recipe, Resolved, resolve
from agekit.registry import EVOLVERS
from agekit.training.run import Run

__all__ = ["lengthen", "longer"]


def longer(
    run: Run, info: dict[str, Any], epochs: int | None, generations: int | None
) -> tuple[Resolved, Resolved]:
    """A run's recipe as it was begun, and with more epochs or generations.

    Args:
        run: the run.
        info: what its ``run.json`` holds.
        epochs: of each generation, or None for as many as there are.
        generations: likewise.

    Raises:
        ConfigError: there are more than that already, or the evolver has no generations.
    """
    begun, after = (
        replace(
            resolve(str(run.recipe), dataset=info["dataset"], epochs=e, generations=g),
            name=info["recipe"],
        )
        for e, g in ((None, None), (epochs, generations))
    )
    for name, wanted, had in (
        ("epochs", epochs, begun.recipe.train.epochs),
        ("generations", generations, _generations(begun.recipe)),
    ):
        if wanted is not None and wanted < had:
            raise ConfigError(
                f"{name}: {wanted} is less than the {had} of the run in {run.folder}",
                f"go on with {had} or more, or start a new run",
            )
    return begun, after


def lengthen(run: Run, begun: Resolved, after: Resolved) -> list[str]:
    """Makes a run that is held by this process one of `after`; gives what to tell of it.

    The last generation that was begun goes on; those before it, of which it learnt, stay. Stopped
    at any moment, it can be done again.

    Raises:
        ConfigError: there is nothing that could go on.
    """
    if after.recipe == begun.recipe:
        return []
    had, has = begun.recipe.train.epochs, after.recipe.train.epochs
    last, told = run.begun(), []
    if has > had:
        stays = last - 1
        if run.is_finished(last) and not run.reopen(last):
            if last >= _generations(after.recipe):
                raise ConfigError(
                    f"generation {last} of {run.folder} is finished, and the state of its "
                    "optimizer was not kept",
                    f"start a new run from its weights by --init {run.folder}",
                )
            stays = last
        told.append(
            f"from {had} to {has} epochs: from here on the learning rate follows the schedule of "
            f"{has} epochs"
        )
        if stays > 0:
            which = "generation 1 stays" if stays == 1 else f"generations 1-{stays} stay"
            told[-1] += f"; {which} as trained for {had}"
    had, has = _generations(begun.recipe), _generations(after.recipe)
    if has > had:
        told.append(f"from {had} to {has} generations")
    run.write(run.recipe, after.to_yaml())
    return told


def _generations(recipe: Recipe) -> int:
    """How many an evolver trains, as the recipe says or by its own default; else 1."""
    given = recipe.evolver.arguments.get("generations")
    if given is None:
        known = signature.parameters(EVOLVERS.find(recipe.evolver.type)) or {}
        given = known["generations"].default if "generations" in known else 1
    return given if isinstance(given, int) else 1
