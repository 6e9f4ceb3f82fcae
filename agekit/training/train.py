"""Training: a recipe and a dataset to a run with a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from safetensors.torch import save

from agekit.data.alignment import Alignment
from agekit.data.columns import Columns
from agekit.data.notes import in_the_report
from agekit.data.several import AND, converted, members
from agekit.data.split import Faces, Root, load_faces
from agekit.data.split_file import SPLIT_FILE
from agekit.device import (
    describe_device,
    from_main,
    init_processes,
    pick_device,
    rank_and_world,
)
from agekit.errors import AgekitError, ModelError
from agekit.progress import print_line
from agekit.recipe import Resolved, resolve
from agekit.recipe.merge import assigned
from agekit.recipe.parts import distributions_of
from agekit.registry import DATASETS, DETECTORS
from agekit.scope import within
from agekit.training.carry_out import TrainResult, carry_out
from agekit.training.framing import Framing, find_framing
from agekit.training.longer import lengthen, longer
from agekit.training.run import Run
from agekit.training.task import Start, training_of
from agekit.zoo.config import DISTRIBUTIONS

__all__ = ["TrainResult", "resume", "train"]


def train(
    recipe: str | Resolved,
    dataset: str,
    *,
    root: Root | Mapping[str, Root] | None = None,
    columns: Columns | None = None,
    protocol: str | Mapping[str, str] | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    generations: int | None = None,
    overrides: Iterable[str] = (),
    init: str | Path | None = None,
    detector: str | None = None,
    as_chips: bool = False,
    alignment: Alignment | None = None,
    device: str = "auto",
    seed: int = 0,
    out: str | PathLike[str] | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Trains a recipe on a dataset.

    Args:
        recipe: ``cen-resnet18`` and the like, or the path of a YAML file; or one that was resolved
            with `preset`, `epochs`, `generations` and `overrides`, which are not applied again.
        dataset: a dataset's name, or several with a plus between: ``utkface+all-age-faces``.
        root: where it lies, or dataset → where; else ``$AGEKIT_DATA/<dataset>``.
        columns: field → column of a table of the user's own, such as ``{"path": "img_path"}``.
        protocol: how it is split, or dataset → how; else its default.
        preset: one of the recipe's presets.
        epochs: of each generation, in place of the recipe's.
        generations: in place of the recipe's.
        overrides: ``a.b=value`` assignments.
        init: a model or run whose weights to start from; faces are shown as it knows them, and
            images taken as it takes them but for what `overrides` say of ``data``.
        detector: registry name of what measures where the faces lie in images that do not say it;
            else that of `init`, else of the data.
        as_chips: takes the images of a dataset of whole photos as face chips all the same.
        alignment: where the faces are to lie; else as `init` knows them, else as the data has them.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of every random choice.
        out: the run's folder; else ``runs/<recipe>-<dataset>-<time>``.
        console: where to show progress; None shows none.

    Raises:
        ConfigError: with every mistake in the recipe, the overrides and the names.
        DataError: the dataset cannot be read or split.
        TrainingError: the loss became non-finite.
    """
    overrides = list(overrides)
    if isinstance(recipe, str):
        recipe = resolve(
            recipe,
            dataset=dataset,
            preset=preset,
            epochs=epochs,
            generations=generations,
            overrides=overrides,
        )
    resolved = recipe
    place = pick_device(device)
    init_processes(place)
    torch.set_flush_denormal(True)
    run = Run(from_main(lambda: Path(out or _default_folder(resolved.name, dataset))))
    from_main(run.must_be_free)
    task = training_of(resolved.recipe)
    faces = task.select(
        resolved.recipe, load_faces(dataset, root, protocol, columns=columns, tell=in_the_report)
    )
    info = {
        "name": f"{resolved.name.replace('/', '-')}-{faces.dataset.replace(AND, '-')}",
        "recipe": resolved.name,
        "preset": preset,
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "protocol_file": converted(faces.dataset, protocol, "--protocol", _protocol_file),
        "root": converted(faces.dataset, root, "--root", lambda place: str(Path(place).resolve())),
        **({"parts": faces.parts_told()} if faces.parts else {}),
        "init": str(init) if init is not None else None,
        "seed": seed,
        **task.info,
        "processes": rank_and_world()[1],
        DISTRIBUTIONS: distributions_of(resolved.recipe) | _givers(dataset, faces),
        **({"columns": dict(columns)} if columns else {}),
        **describe_device(place),
    }
    start, own, own_notes = None, dict[str, Any](), list[str]()
    if init is None:
        own, own_notes = from_main(lambda: task.first_weights(resolved.recipe, resolved.said))
    if init is not None and rank_and_world()[0] == 0:
        start = task.start(init, resolved.recipe, faces, assigned(overrides, "data"))
    adopted = from_main(lambda: {} if start is None else {"data": start.adopted})
    adopted |= {"data": own} if own else {}
    rate = resolved.recipe.train.init_lr
    if init is not None and rate and "lr" not in assigned(overrides, "train", "optimizer"):
        adopted["train"] = {"optimizer": {"lr": rate}}
    resolved = resolved.with_changes(adopted)
    info |= {"adopted": adopted} if adopted else {}
    framing = from_main(
        lambda: find_framing(
            faces,
            place,
            wanted=alignment or (None if start is None else start.face),
            model=str(init) if alignment is None else "this run",
            root=converted(faces.dataset, root, "--root", Path),
            detector=detector,
            as_chips=as_chips,
            must_fit=alignment is not None,
        )
    )
    info["framing"] = framing.to_json()
    data = task.prepare(resolved.recipe, framing.apply(faces), place, console, seed)
    with _held(run):
        info = from_main(lambda: _begin(run, resolved, info, start))
        notes = own_notes if start is None else list(start.notes)
        if "train" in adopted:
            notes.append(
                f"learning rate {rate:g}, the recipe's for a start from a model; "
                "--set train.optimizer.lr=VALUE overrides"
            )
        return carry_out(run, resolved, data, info, console, notes)


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
        raise ModelError(f"there is no run in {folder}", "give the folder that training named")
    with _held(run):
        for line in from_main(run.check):
            print_line(console, f"note: {line}")
        info = run.read_info()
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


def _givers(dataset: str, faces: Faces) -> dict[str, str]:
    """What gives the dataset and, where it is known, the detector its faces were found by."""
    entries = [DATASETS.find(name) for name in members(dataset)]
    for part in faces.parts or (faces,):
        if part.face.align != "chips":
            with suppress(AgekitError), within():
                entries.append(DETECTORS.find(part.face.detector))
    return {entry.distribution: entry.version for entry in entries}


def _default_folder(recipe: str, dataset: str) -> Path:
    name = Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe.replace("/", "-")
    return Path("runs") / f"{name}-{dataset}-{datetime.now():%Y%m%d-%H%M%S}"


def _protocol_file(protocol: str) -> str | None:
    """The path of a user's own split, or None for a protocol of the dataset."""
    own = protocol.endswith(SPLIT_FILE) and Path(protocol).is_file()
    return str(Path(protocol).resolve()) if own else None


def _held(run: Run) -> AbstractContextManager[Any]:
    """The run's lock, held by the first process for all."""
    return run.held() if rank_and_world()[0] == 0 else nullcontext()


def _begin(
    run: Run, resolved: Resolved, info: dict[str, Any], start: Start | None
) -> dict[str, Any]:
    """Writes what a run is; its info last, so that a run folder is whole or not there."""
    run.must_be_free()
    if start is not None:
        info = info | start.info
        run.write(run.initial, save(start.weights))
    run.write(run.recipe, resolved.to_yaml())
    run.write(run.info, json.dumps(info, indent=1) + "\n")
    return info
