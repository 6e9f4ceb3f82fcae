"""Training: a recipe and a dataset to a run with a model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from safetensors.torch import save

from agekit.atomic import write_bytes, write_text
from agekit.data.split import Faces, load_faces
from agekit.data.split_file import SPLIT_FILE
from agekit.device import (
    describe_device,
    from_main,
    init_processes,
    pick_device,
    rank_and_world,
)
from agekit.errors import AgekitError, ConfigError, ModelError
from agekit.recipe import EstimatorRecipe, Resolved, resolve
from agekit.recipe.parts import distributions_of
from agekit.registry import DATASETS, DETECTORS
from agekit.scope import within
from agekit.training.aging import Aging
from agekit.training.display import Display
from agekit.training.estimating import Estimating
from agekit.training.evolver import build_evolver
from agekit.training.framing import Framing, find_framing
from agekit.training.lab import Generation
from agekit.training.run import Run
from agekit.training.task import Start, Task
from agekit.zoo.config import DISTRIBUTIONS

__all__ = ["TASKS", "TrainResult", "resume", "train"]

TASKS: dict[str, Task[Any, Any]] = {"estimator": Estimating(), "ager": Aging()}
"""What each kind of recipe needs."""

_CROPS = "torchvision"
"""The rule of random crops; a run that does not say it was begun when crops were cut to fit."""


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes:
        run: its folder.
        model: the model's folder.
        generations: number and metrics of each.
        metrics: of the last, by split.
    """

    run: Path
    model: Path
    generations: list[Generation]
    metrics: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As ``agekit train --json`` prints it."""
        return {
            "run": str(self.run),
            "model": str(self.model),
            "generations": [vars(generation) for generation in self.generations],
            "metrics": self.metrics,
        }


def train(
    recipe: str,
    dataset: str,
    *,
    root: Path | None = None,
    protocol: str | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    generations: int | None = None,
    overrides: Iterable[str] = (),
    init: str | Path | None = None,
    detector: str | None = None,
    as_chips: bool = False,
    device: str = "auto",
    seed: int = 0,
    out: Path | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Trains a recipe on a dataset.

    Args:
        recipe: ``cen-resnet18`` and the like, or the path of a YAML file.
        dataset: a dataset's name.
        root: where it lies; else ``$AGEKIT_DATA/<dataset>``.
        protocol: how it is split; else its default.
        preset: one of the recipe's presets.
        epochs: of each generation, in place of the recipe's.
        generations: in place of the recipe's.
        overrides: ``a.b=value`` assignments.
        init: a model or run whose weights to start from; faces are shown as it knows them.
        detector: registry name of what measures where the faces lie in images that do not say it;
            else that of `init`, else of the data.
        as_chips: takes the images of a dataset of whole photos as face chips all the same.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of every random choice.
        out: the run's folder; else ``runs/<recipe>-<dataset>-<time>``.
        console: where to show progress; None shows none.

    Raises:
        ConfigError: with every mistake in the recipe, the overrides and the names.
        DataError: the dataset cannot be read or split.
        TrainingError: the loss became non-finite.
    """
    resolved = resolve(
        recipe,
        dataset=dataset,
        preset=preset,
        epochs=epochs,
        generations=generations,
        overrides=overrides,
    )
    place = pick_device(device)
    init_processes(place)
    torch.set_flush_denormal(True)
    faces = load_faces(dataset, root, protocol)
    run = Run(from_main(lambda: out or _default_folder(resolved.name, dataset)))
    info = {
        "name": f"{resolved.name.replace('/', '-')}-{faces.dataset}",
        "recipe": resolved.name,
        "preset": preset,
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "protocol_file": _protocol_file(protocol),
        "root": str(root.resolve()) if root is not None else None,
        "init": str(init) if init is not None else None,
        "seed": seed,
        "crops": _CROPS,
        "processes": rank_and_world()[1],
        DISTRIBUTIONS: distributions_of(resolved.recipe) | _givers(dataset, faces),
        **describe_device(place),
    }
    from_main(lambda: _must_be_new(run))
    task = TASKS[resolved.recipe.kind]
    start = task.start(init, resolved) if init is not None and rank_and_world()[0] == 0 else None
    framing = from_main(
        lambda: find_framing(
            faces,
            place,
            wanted=None if start is None else start.face,
            model=str(init),
            root=root,
            detector=detector,
            as_chips=as_chips,
        )
    )
    info["framing"] = framing.to_json()
    data = task.prepare(resolved, framing.apply(faces), place, console, seed)
    with _held(run):
        info = from_main(lambda: _begin(run, resolved, info, start))
        return _run(run, resolved, data, info, console)


def resume(folder: Path, *, device: str = "auto", console: Console | None = None) -> TrainResult:
    """Goes on with a run from where it stopped, to the same result.

    Args:
        folder: the run's folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        console: where to show progress; None shows none.

    Raises:
        ModelError: there is no run, or its data changed since it began.
    """
    run = Run(folder)
    if not run.info.exists() or not run.recipe.exists():
        raise ModelError(f"there is no run in {folder}", "give the folder that training named")
    info = json.loads(run.info.read_text(encoding="utf-8"))
    with within(info.get(DISTRIBUTIONS, ())):
        return _go_on(run, info, device, console)


def _go_on(run: Run, info: dict[str, Any], device: str, console: Console | None) -> TrainResult:
    resolved = resolve(str(run.recipe), dataset=info["dataset"])
    place = pick_device(device)
    init_processes(place)
    torch.set_flush_denormal(True)
    root = Path(info["root"]) if info["root"] else None
    faces = load_faces(info["dataset"], root, info.get("protocol_file") or info["protocol"])
    if faces.split_hash != info["split_hash"]:
        raise ModelError(
            f"the data of {info['protocol']} changed since this run began: split hash "
            f"{faces.split_hash}, then {info['split_hash']}",
            "restore the data, or start a new run",
        )
    if "framing" in info:
        framing = Framing.model_validate(info["framing"])
    else:
        framing = from_main(lambda: find_framing(faces, place, as_chips=True))
        info["framing"] = framing.to_json()
    data = TASKS[resolved.recipe.kind].prepare(
        resolved, framing.apply(faces), place, console, info["seed"]
    )
    with _held(run):
        return _run(run, resolved, data, info, console)


def _givers(dataset: str, faces: Faces) -> dict[str, str]:
    """What gives the dataset and, where it is known, the detector its faces were found by."""
    entries = [DATASETS.find(dataset)]
    if faces.face.align != "chips":
        with suppress(AgekitError), within():
            entries.append(DETECTORS.find(faces.face.detector))
    return {entry.distribution: entry.version for entry in entries}


def _default_folder(recipe: str, dataset: str) -> Path:
    name = Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe.replace("/", "-")
    return Path("runs") / f"{name}-{dataset}-{datetime.now():%Y%m%d-%H%M%S}"


def _protocol_file(protocol: str | None) -> str | None:
    """The path of a user's own split, or None for a protocol of the dataset."""
    own = protocol is not None and protocol.endswith(SPLIT_FILE) and Path(protocol).is_file()
    return str(Path(protocol).resolve()) if own and protocol else None


def _held(run: Run) -> AbstractContextManager[Any]:
    """The run's lock, held by the first process for all."""
    return run.held() if rank_and_world()[0] == 0 else nullcontext()


def _must_be_new(run: Run) -> None:
    if run.info.exists():
        raise ConfigError(
            f"there is a run in {run.folder} already",
            f"go on with it by `agekit train --resume {run.folder}`, or choose another --out",
        )


def _begin(
    run: Run, resolved: Resolved, info: dict[str, Any], start: Start | None
) -> dict[str, Any]:
    """Writes what a run is; its info last, so that a run folder is whole or not there."""
    _must_be_new(run)
    if start is not None:
        info = info | start.info
        write_bytes(run.initial, save(start.weights))
    write_text(run.recipe, resolved.to_yaml())
    write_text(run.info, json.dumps(info, indent=1) + "\n")
    return info


def _run(
    run: Run,
    resolved: Resolved,
    data: Any,
    info: dict[str, Any],
    console: Console | None,
) -> TrainResult:
    main = rank_and_world()[0] == 0
    display = Display(console if main else None, run.log if main else None)
    task = TASKS[resolved.recipe.kind]
    _introduce(display, info, data, task.describe(data))
    recipe = resolved.recipe
    if isinstance(recipe, EstimatorRecipe) and recipe.data.augment and info.get("crops") != _CROPS:
        display.line(
            "this run was begun when random crops were cut to the image; in the epochs to come "
            "they are drawn anew until they fit, so that it ends otherwise than it would have"
        )
    lab = task.lab(resolved, data, run, display, data.device, info)
    try:
        network = build_evolver(resolved.recipe.evolver, resolved.recipe.kind).run(lab)
    except KeyboardInterrupt:
        display.line(f"stopped; go on with: agekit train --resume {run.folder}")
        raise
    metrics = from_main(lambda: task.publish(lab, network, info))
    return TrainResult(run.folder, run.model, lab.finished, metrics)


def _introduce(display: Display, info: dict[str, Any], data: Any, what: str) -> None:
    display.line(
        f"{info['recipe']} on {info['protocol']} (split {info['split_hash']}): {what}, "
        f"{info['device']} ({info['device_name']})"
    )
    for note in info["framing"]["notes"]:
        display.line(note)
    if people := data.faces.shared_identities:
        display.line(
            f"{people:,} people are in more than one split of {info['protocol']}: "
            "its errors are too good to be those on strangers"
        )
    left_out = [problem for problem in data.problems if not problem.kept]
    if left_out:
        display.line(f"{len(left_out):,} rows or images were left out; the first ones:")
        for problem in left_out[:3]:
            display.line(f"  {problem.name}: {problem.detail}")
