"""From a finished run to the result of its cell."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import torch
from agekit_ager.config import AgerConfig
from agekit_ager.recipe import AgerRecipe
from agekit_ager.sample import sampled

from agekit.data.split import load_faces
from agekit.errors import AgekitError
from agekit.recipe import resolve
from agekit.registry import DATASETS
from agekit.tasks.estimator.build import load_estimator
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.evaluate import evaluate
from agekit.training.run import Run
from agekit.training.train import TrainResult
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import read_config
from agekit_bench.machine import machine
from agekit_bench.predictions import Estimates, write_predictions
from agekit_bench.result import CodeState, Evaluation, Predictions, Result
from agekit_bench.result_files import canonical_hash, predictions_path, write_result
from agekit_bench.scoring import (
    alignments,
    framing_of,
    score_cross,
    score_generations,
    scored_split,
)
from agekit_bench.spec import CellSpec

__all__ = ["make_result"]


_PROGRESSION = ("max", "avg", "over_10", "over_15", "over_20")
Scored = tuple[list[Evaluation], Predictions | None]


def make_result(
    spec: CellSpec,
    done: TrainResult,
    *,
    device: torch.device,
    code: CodeState | None,
    started: datetime,
    train_seconds: float,
    energy: Callable[[], float | None] | None,
) -> None:
    """Scores a finished run and writes predictions and result.

    Args:
        spec: the cell.
        done: its run.
        device: where it was trained and is scored.
        code: of agekit when its process began.
        started: when its process began, UTC.
        train_seconds: how long it trained, earlier processes included.
        energy: tells the joules so far; None where a part of the training is not counted.

    Raises:
        AgekitError: it cannot be scored.
    """
    run = Run(done.run)
    began = time.perf_counter()
    config = read_config(done.model)
    if isinstance(config, AgerConfig):
        evaluations, predictions = _score_ager(spec, done, config, device)
    else:
        evaluations, predictions = _score_estimator(spec, done, config, device)
    recipe = _recipe(run)
    write_result(
        spec.result,
        Result(
            **spec.identity,
            split_hash=config.trained["split_hash"],
            status="done",
            evaluations=evaluations,
            predictions=predictions,
            recipe=recipe,
            recipe_hash=canonical_hash(recipe),
            facts=_facts(config, spec.judges),
            parameters=config.parameters,
            wall_seconds={
                "train": round(train_seconds, 3),
                "evaluate": round(time.perf_counter() - began, 3),
            },
            peak_memory=_peak_memory(device),
            energy=None if energy is None else energy(),
            started=started.isoformat(timespec="seconds"),
            machine=machine(device),
            code=code,
            licence=DATASETS.get(spec.dataset).licence or None,
        ),
    )


def _score_estimator(
    spec: CellSpec, done: TrainResult, config: EstimatorConfig, device: torch.device
) -> Scored:
    network, _ = load_estimator(done.model, device)
    numbers = sorted(generation.generation for generation in done.generations)
    faces = load_faces(spec.dataset, spec.root, spec.protocol, columns=spec.columns)
    scored = score_generations(network, config, Run(done.run), numbers, faces, device)
    for cross in spec.cross:
        try:
            scored.append(score_cross(network, config, numbers[-1], cross, device, spec.as_chips))
        except AgekitError as error:
            raise type(error)(f"{cross.dataset}: {error.message}", error.hint) from error
    parts: list[Estimates] = [estimates for _, estimates in scored]
    predictions = write_predictions(predictions_path(spec.result), parts)
    return [evaluation for evaluation, _ in scored], predictions


def _score_ager(
    spec: CellSpec, done: TrainResult, config: AgerConfig, device: torch.device
) -> Scored:
    """By the judges where some are named, else by what the run scored itself.

    What the first judge says of the faces made old is under the report's own names too.
    """
    generation = max(g.generation for g in done.generations)
    recipe = resolve(spec.recipe, preset=spec.preset, overrides=spec.settings).recipe
    assert isinstance(recipe, AgerRecipe)
    faces = load_faces(spec.dataset, spec.root, spec.protocol, columns=spec.columns)
    split = scored_split(sampled(faces, recipe.data))
    counts = config.trained["faces"]
    count = sum(n for name, n in counts.items() if name.split()[-1] == "test")
    scored: Mapping[str, Any] = {"n": count or sum(counts.values()), "skipped": 0}
    metrics = _flat(done.metrics["test"])
    if spec.judges:
        scored = evaluate(
            done.model,
            spec.dataset,
            root=spec.root,
            columns=spec.columns,
            protocol=spec.protocol,
            split=split,
            judges=spec.judges,
            domains=recipe.data.domains,
            where=recipe.data.kept,
            as_chips=spec.as_chips,
            device=str(device),
            seed=spec.seed,
        )
        first = next(iter(scored["metrics"]["old"]["judges"].values()))
        metrics = _flat(scored["metrics"]) | _flat({k: first[k] for k in _PROGRESSION})
    return [
        Evaluation(
            protocol=spec.protocol,
            split_hash=config.trained["split_hash"],
            split=split,
            generation=generation,
            n=scored["n"],
            skipped=scored["skipped"],
            metrics=dict(sorted(metrics.items())),
            **alignments(framing_of(Run(done.run))),
        )
    ], None


def _flat(metrics: Mapping[str, Any], start: str = "") -> dict[str, float]:
    """Numbers in mappings by their path: ``old/judges/NAME/avg``; what is no number is left out."""
    out: dict[str, float] = {}
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{start}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            out[f"{start}{key}"] = float(value)
    return out


def _recipe(run: Run) -> dict[str, Any]:
    recipe = resolve(str(run.recipe)).recipe
    plain: dict[str, Any] = json.loads(recipe.model_dump_json())
    return plain


def _facts(
    config: ModelConfig, judges: Sequence[str]
) -> dict[str, str | int | float | bool | None]:
    trained = config.trained
    pretrained = trained.get("method", {}).get("pretrained")
    facts: dict[str, str | int | float | bool | None] = {
        "initialisation": trained.get("init_name") or (pretrained and "pretrained") or "scratch",
        "alignment": config.face.align,
        "margin": config.face.margin,
        "size": config.image.size,
    }
    if isinstance(config, EstimatorConfig):
        facts |= {"rule": config.rule, "mirror": config.mirror}
    faces = trained.get("faces", {})
    facts["train_faces"] = sum(n for name, n in faces.items() if name.split()[-1] == "train")
    if judges:
        facts["judges"] = ", ".join(judges)
    return facts


def _peak_memory(device: torch.device) -> dict[str, int]:
    unit = 1 if sys.platform == "darwin" else 1024
    out = {"rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if device.type == "cuda":
        out["cuda"] = torch.cuda.max_memory_allocated(device)
    return out
