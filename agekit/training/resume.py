"""Going on with a run: with a stopped one to the same result, with any one beyond its end."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from agekit import signature
from agekit._paths import nearest_path
from agekit.data.notes import in_the_report
from agekit.data.split import load_faces
from agekit.device import from_main, init_processes, pick_device
from agekit.errors import ConfigError, ModelError
from agekit.progress import print_line
from agekit.recipe import Recipe, Resolved, resolve
from agekit.registry import EVOLVERS
from agekit.scope import within
from agekit.training.carry_out import TrainResult, carry_out, held
from agekit.training.framing import Framing, find_framing
from agekit.training.reporting import require_logs
from agekit.training.run import Run
from agekit.training.task import training_of
from agekit.zoo.config import DISTRIBUTIONS

__all__ = ["generations_of", "lengthen", "longer", "resume"]


def resume(
    folder: str | PathLike[str],
    *,
    epochs: int | None = None,
    generations: int | None = None,
    device: str = "auto",
    console: Console | None = None,
) -> TrainResult:
    """Goes on with a run from where it stopped, to the same result, or beyond its end.

    More epochs are trained by the last generation that was begun, from its last checkpoint on and
    by the schedule of the longer training, and by all after it.

    Args:
        folder: the run's folder.
        epochs: of each generation, where they are to be more than the run was begun with.
        generations: likewise.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        console: where to show progress; None shows none.

    Raises:
        ModelError: there is no run, a file of it is damaged, or its data changed since it began.
        ConfigError: `epochs` or `generations` are fewer than there are, or no more can follow.
    """
    run = Run(Path(folder))
    if not run.info.exists() or not run.recipe.exists():
        near = nearest_path(folder)
        raise ModelError(
            f"there is no run in {folder}{near}", "give the folder that training named"
        )
    with held(run):
        for line in from_main(run.check):
            print_line(console, f"note: {line}")
        info = run.read_info()
        require_logs(info.get("logs", ()))
        with within(info.get(DISTRIBUTIONS, ())):
            return _go_on(run, info, longer(run, info, epochs, generations), device, console)


def _go_on(
    run: Run,
    info: dict[str, Any],
    recipes: tuple[Resolved, Resolved],
    device: str,
    console: Console | None,
) -> TrainResult:
    begun, resolved = recipes
    place = pick_device(device)
    init_processes(place)
    torch.set_flush_denormal(True)
    parts = {part["dataset"]: part for part in info.get("parts", ())}
    protocols: dict[str, str] = {name: part["protocol"] for name, part in parts.items()}
    files = info.get("protocol_file") or ({} if parts else info["protocol"])
    faces = load_faces(
        info["dataset"],
        info.get("root"),
        {**protocols, **files} if parts else files,
        columns=info.get("columns"),
        tell=in_the_report,
    )
    task = training_of(resolved.recipe)
    faces = task.select(resolved.recipe, faces)
    then: dict[str, Any] = {info["protocol"]: info["split_hash"]}
    now = {info["protocol"]: faces.split_hash}
    then |= {part["protocol"]: part["split_hash"] for part in parts.values()}
    now |= {part.protocol: part.split_hash for part in faces.parts}
    # Of several datasets the one that changed is named, not the whole.
    for protocol, split_hash in reversed(then.items()):
        if now.get(protocol) != split_hash:
            raise ModelError(
                f"the data of {protocol} changed since this run began: split hash "
                f"{now.get(protocol)}, then {split_hash}",
                "restore the data, or start a new run",
            )
    if "framing" in info:
        framing = Framing.model_validate(info["framing"])
    else:
        framing = from_main(lambda: find_framing(faces, place, as_chips=True))
        info["framing"] = framing.to_json()
    data = task.prepare(resolved.recipe, framing.apply(faces), place, console, info["seed"])
    told = from_main(lambda: lengthen(run, begun, resolved))
    return carry_out(run, resolved, data, info, console, told)


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
        ("generations", generations, generations_of(begun.recipe)),
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
            if last >= generations_of(after.recipe):
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
    had, has = generations_of(begun.recipe), generations_of(after.recipe)
    if has > had:
        told.append(f"from {had} to {has} generations")
    run.write(run.recipe, after.to_yaml())
    return told


def generations_of(recipe: Recipe) -> int:
    """The number an evolver trains, as the recipe says or by its own default; else 1."""
    given = recipe.evolver.arguments.get("generations")
    if given is None:
        known = signature.parameters(EVOLVERS.find(recipe.evolver.type)) or {}
        given = known["generations"].default if "generations" in known else 1
    return given if isinstance(given, int) else 1
