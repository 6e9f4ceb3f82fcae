"""Training: a recipe and a dataset to a run with a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import save

from agekit.data.alignment import Alignment
from agekit.data.columns import Columns
from agekit.data.hub_root import local_root
from agekit.data.notes import in_the_report
from agekit.data.several import AND, converted, members
from agekit.data.split import Faces, Root, load_faces
from agekit.data.split_file import SPLIT_FILE
from agekit.data.table import SPLITS
from agekit.device import (
    describe_device,
    float32_kind,
    from_main,
    init_processes,
    pick_device,
    rank_and_world,
)
from agekit.errors import AgekitError
from agekit.recipe import Resolved, resolve
from agekit.recipe.merge import assigned
from agekit.recipe.parts import distributions_of
from agekit.registry import DATASETS, DETECTORS
from agekit.scope import within
from agekit.training.carry_out import TrainResult, carry_out, held
from agekit.training.evolver import build_evolver
from agekit.training.framing import find_framing
from agekit.training.reporting import require_logs
from agekit.training.run import Run
from agekit.training.task import Start, training_of
from agekit.zoo.config import DISTRIBUTIONS

__all__ = ["train"]

T = TypeVar("T")


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
    logs: Iterable[str] = (),
    splits: Collection[str] = SPLITS,
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
        logs: what to write losses and errors for too: ``tensorboard``, ``wandb``, ``mlflow``.
        splits: of the protocol, to use no others: without ``test``, its faces are not looked at.
        console: where to show progress; None shows none.

    Raises:
        ConfigError: with every mistake in the recipe, the overrides and the names.
        DataError: the dataset cannot be read or split.
        TrainingError: the loss became non-finite.
    """
    overrides, logs = list(overrides), list(logs)
    require_logs(logs)
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
    faces = load_faces(dataset, root, protocol, columns=columns, tell=in_the_report)
    used = np.isin(faces.codes, [SPLITS.index(split) for split in splits])
    faces = replace(faces, codes=np.where(used, faces.codes, np.int8(-1)))
    faces = task.select(resolved.recipe, faces)
    info = {
        "name": f"{_stem(resolved.name)}-{faces.dataset.replace(AND, '-')}",
        "recipe": resolved.name,
        "preset": preset,
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "protocol_file": converted(faces.dataset, protocol, "--protocol", _protocol_file),
        "root": converted(
            faces.dataset, root, "--root", lambda place: str(local_root(place).resolve())
        ),
        **({"parts": faces.parts_told()} if faces.parts else {}),
        "init": str(init) if init is not None else None,
        "seed": seed,
        **task.info,
        "processes": rank_and_world()[1],
        DISTRIBUTIONS: distributions_of(resolved.recipe) | _givers(dataset, faces),
        **({"columns": dict(columns)} if columns else {}),
        **({"logs": logs} if logs else {}),
        **describe_device(place),
        "float32": float32_kind(resolved.recipe.train.amp, place),
    }
    start, own, own_notes = None, dict[str, Any](), list[str]()
    if init is None:
        own, own_notes = from_main(lambda: task.first_weights(resolved.recipe, resolved.said))
    unused = {} if init is None else resolved.recipe.without_weights
    resolved = resolved.with_changes(unused)  # no weights are asked for that --init replaces
    if init is not None:
        set_by_user = assigned(overrides, "data")
        start = _of_main(lambda: task.start(init, resolved.recipe, faces, set_by_user))
    adopted = unused | from_main(lambda: {} if start is None else {"data": start.adopted})
    adopted |= {"data": own} if own else {}
    rate = resolved.recipe.train.init_lr
    if init is not None and rate and "lr" not in assigned(overrides, "train", "optimizer"):
        adopted["train"] = {"optimizer": {"lr": rate}}
    resolved = resolved.with_changes(adopted)
    info |= {"adopted": adopted} if adopted else {}
    alignment = alignment or task.frame(resolved.recipe)
    framing = from_main(
        lambda: find_framing(
            faces,
            place,
            wanted=alignment or (None if start is None else start.face),
            model=str(init) if alignment is None else "this run",
            root=converted(faces.dataset, root, "--root", local_root),
            detector=detector,
            as_chips=as_chips,
            must_fit=alignment is not None,
        )
    )
    info["framing"] = framing.to_json()
    info |= build_evolver(resolved.recipe.evolver, resolved.recipe.kind).facts()
    data = task.prepare(resolved.recipe, framing.apply(faces), place, console, seed)
    with held(run):
        info = from_main(lambda: _begin(run, resolved, info, start))
        notes = own_notes if start is None else list(start.notes)
        if "train" in adopted:
            notes.append(
                f"learning rate {rate:g}, the recipe's for a start from a model; "
                "--set train.optimizer.lr=VALUE overrides"
            )
        return carry_out(run, resolved, data, info, console, notes)


def _givers(dataset: str, faces: Faces) -> dict[str, str]:
    """The distributions of the dataset and, where it is known, of the detector of its faces."""
    entries = [DATASETS.find(name) for name in members(dataset)]
    for part in faces.parts or (faces,):
        if part.face.align != "chips":
            with suppress(AgekitError), within():
                entries.append(DETECTORS.find(part.face.detector))
    return {entry.distribution: entry.version for entry in entries}


def _stem(recipe: str) -> str:
    """The name of a recipe, or of its file without the folders it lies in."""
    return Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe.replace("/", "-")


def _default_folder(recipe: str, dataset: str) -> Path:
    return Path("runs") / f"{_stem(recipe)}-{dataset}-{datetime.now():%Y%m%d-%H%M%S}"


def _protocol_file(protocol: str) -> str | None:
    """The path of a user's own split, or None for a protocol of the dataset."""
    own = protocol.endswith(SPLIT_FILE) and Path(protocol).is_file()
    return str(Path(protocol).resolve()) if own else None


def _of_main(action: Callable[[], T]) -> T | None:
    """The result of an action in the first process, which keeps it; in the others None."""
    found: list[T] = []
    from_main(lambda: found.append(action()))
    return found[0] if found else None


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
