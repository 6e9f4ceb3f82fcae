"""Scoring a finished run: every generation on its protocol, the last on others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS, FaceTable
from agekit.errors import AgekitError, TrainingError
from agekit.recipe import resolve
from agekit.registry import TASKS
from agekit.task import Task
from agekit.tasks.estimator.metrics import bias, coverage, cs, mae, summary
from agekit.tasks.evaluate import AgeEvaluation
from agekit.tasks.evaluate import Evaluation as Scorer
from agekit.training.carry_out import TrainResult
from agekit.training.display import Display
from agekit.training.faces import evaluation_faces
from agekit.training.framing import Framing, find_framing
from agekit.training.run import Run
from agekit.training.task import training_of
from agekit.zoo.config import ModelConfig
from agekit_bench.failure import plain
from agekit_bench.predictions import GENDERS, Estimates, named, parts_by
from agekit_bench.result import Evaluation
from agekit_bench.spec import CellSpec, CrossSpec

__all__ = ["alignments", "parts_of", "score", "scored_split"]


Split = Literal["train", "val", "test", "all"]
Scored = tuple[Evaluation, Estimates | None]
_PREFERRED: tuple[Split, ...] = ("test", "val", "train")


def score(
    spec: CellSpec, done: TrainResult, config: ModelConfig, device: torch.device
) -> Iterator[Scored]:
    """Scores the model of a finished run as its task does, on the `scored_split` first.

    Of a model that estimates ages every generation is scored, with what it makes of each face. A
    task that needs judges is scored by those of the cell; where it has none, by what the run itself
    measured.

    Args:
        spec: the cell.
        done: its run.
        config: of its model.
        device: where the network runs.

    Raises:
        AgekitError: it cannot be scored; or not on another dataset, which is named.
    """
    task: Task = TASKS.get(config.task)
    recipe = resolve(spec.recipe, preset=spec.preset, overrides=spec.settings).recipe
    training, run = training_of(recipe), Run(done.run)
    faces = load_faces(spec.dataset, spec.root, spec.protocol, columns=spec.columns)
    faces = training.select(recipe, faces)
    framing = _framing_of(run) or find_framing(faces, device, wanted=config.face, as_chips=True)
    numbers = sorted(generation.generation for generation in done.generations)
    options = dict(training.scored_with(recipe))
    split = scored_split(faces)
    if "judges" in task.evaluation_options:
        options["judges"] = spec.judges
        if not spec.judges:
            yield _as_trained(task, done, config, faces, split, framing), None
            return
    scorer: Scorer = task.evaluation(done.model, device, split, spec.seed, **options)
    shown = framing.apply(scorer.select(faces))
    for number in numbers if isinstance(scorer, AgeEvaluation) else numbers[-1:]:
        if isinstance(scorer, AgeEvaluation):
            scorer.restore(run.generation(number))
        evaluation, estimates = _score(scorer, shown, split, number, device)
        yield _framed(evaluation, framing), estimates
    for cross in spec.cross:
        other: Scorer = task.evaluation(done.model, device, cross.split, spec.seed, **options)
        try:
            yield _score_cross(other, numbers[-1], cross, device, spec.as_chips)
        except AgekitError as error:
            raise type(error)(f"{cross.dataset}: {error.message}", error.hint) from error


def scored_split(faces: Faces) -> Split:
    """The split that finished models are scored on: the test, or what comes nearest to it."""
    return next(s for s in _PREFERRED if (faces.codes == SPLITS.index(s)).any())


def _as_trained(
    task: Task,
    done: TrainResult,
    config: ModelConfig,
    faces: Faces,
    split: Split,
    framing: Framing,
) -> Evaluation:
    """The metrics that the run measured on its own test faces, or on all of them."""
    counts = config.trained["faces"]
    tests = sum(n for name, n in counts.items() if name.split()[-1] == "test")
    figures: dict[str, float] = task.evaluation.figures(done.metrics["test"])
    return Evaluation(
        protocol=faces.protocol,
        split_hash=faces.split_hash,
        split=split,
        generation=max(generation.generation for generation in done.generations),
        n=tests or sum(counts.values()),
        metrics=dict(sorted(figures.items())),
        **alignments(framing),
    )


def _score_cross(
    scorer: Scorer, generation: int, cross: CrossSpec, device: torch.device, as_chips: bool
) -> Scored:
    """Scores the last generation on another dataset, reframed to what the model knows.

    Raises:
        DataError: that cannot be read, has no such split, or is of whole photos.
    """
    faces = load_faces(cross.dataset, cross.root, cross.protocol, columns=cross.columns)
    faces = scorer.select(faces)
    faces.rows(cross.split)
    wanted = scorer.config.face
    framing = find_framing(
        faces, device, wanted=wanted, model="the model", root=cross.root, as_chips=as_chips
    )
    evaluation, estimates = _score(scorer, framing.apply(faces), cross.split, generation, device)
    face = framing.shown
    told = {"alignment": face.align, "margin": face.margin}
    return _framed(evaluation, framing).model_copy(update=told), estimates


def _framing_of(run: Run) -> Framing | None:
    """The framing of a run's faces; None of one from before that was kept."""
    told = json.loads(run.info.read_text(encoding="utf-8")).get("framing")
    return None if told is None else Framing.model_validate(told)


def alignments(framing: Framing) -> dict[str, Any]:
    """The fields of an `Evaluation` on how faces were shown."""
    return {
        "data_alignment": framing.data,
        "shown_alignment": framing.shown,
        "remarks": [plain(note, {}) for note in framing.notes],
    }


def _framed(evaluation: Evaluation, framing: Framing) -> Evaluation:
    """An evaluation that says how its faces were shown, before what was told of it already."""
    told = alignments(framing)
    told["remarks"] += evaluation.remarks
    return evaluation.model_copy(update=told)


def _score(
    scorer: Scorer, faces: Faces, split: Split, generation: int, device: torch.device
) -> Scored:
    known = (faces.table.identity >= 0).any()
    told: dict[str, Any] = {
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "subject_exclusive": faces.shared_identities == 0 if known else None,
        "split": split,
        "generation": generation,
    }
    if isinstance(scorer, AgeEvaluation):
        figures, estimates = _score_ages(scorer, faces, split, generation, device)
        return Evaluation(**told, **figures), estimates
    scored = scorer.score(faces, Display(None, None))
    metrics = dict(sorted(scorer.figures(scored["metrics"]).items()))
    told["remarks"] = [plain(line, {}) for line in scored.get("remarks", ())]
    return Evaluation(**told, n=scored["n"], skipped=scored["skipped"], metrics=metrics), None


def _score_ages(
    scorer: AgeEvaluation, faces: Faces, split: Split, generation: int, device: torch.device
) -> tuple[dict[str, Any], Estimates]:
    """``n``, ``skipped``, ``metrics`` and ``by``, from what is estimated of each face."""
    data = evaluation_faces(faces, scorer.config.image, split, device, Display(None, None))
    table, rows = faces.table, data.rows(split)
    made = dict(scorer.estimates(data))
    if not all(np.isfinite(values).all() for values in made.values()):
        raise TrainingError(
            f"an estimate of generation {generation} on {faces.protocol} is not finite",
            "lower train.optimizer.lr, or set train.clip_norm",
        )
    age, low, high = (made.pop(name) for name in ("age", "low", "high"))
    true, sigma = table.age[rows], table.sigma[rows]
    metrics = summary(age, true, sigma=sigma, low=low, high=high)
    for name, of_head in made.items():
        head = name.removeprefix("age@")
        own = summary(of_head, true, sigma=sigma)
        metrics |= {f"{figure}@{head}": value for figure, value in own.items()}
    figures = {
        "n": len(rows),
        "skipped": len(faces.rows(split)) - len(rows),
        "metrics": metrics,
        "by": parts_of(age, low, high, table, rows),
    }
    return figures, Estimates(faces.protocol, generation, table, rows, age, low, high)


def parts_of(
    estimate: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    table: FaceTable,
    rows: NDArray[np.int64],
) -> dict[str, dict[str, dict[str, float]]]:
    """``n``, ``mae``, ``bias``, ``cs5``, ``coverage`` by ``age``, ``gender`` and ``group``.

    Args:
        estimate: (N,) years.
        low: (N,) the lower ends of the intervals, years.
        high: (N,) the upper ends.
        table: the dataset.
        rows: (N,) which faces.
    """
    true = table.age[rows]
    names = {"gender": GENDERS, "group": table.group_names}
    columns = {
        kind: np.array([name or "" for name in named(getattr(table, kind)[rows], known)])
        for kind, known in names.items()
    }

    def figures(mine: NDArray[np.int64]) -> dict[str, float]:
        return {
            "n": len(mine),
            "mae": mae(estimate[mine], true[mine]),
            "bias": bias(estimate[mine], true[mine]),
            "cs5": cs(estimate[mine], true[mine], 5),
            "coverage": coverage(low[mine], high[mine], true[mine]),
        }

    return {
        kind: {name: figures(parts[name]) for name in names.get(kind, parts) if name in parts}
        for kind, parts in parts_by(true, columns["gender"], columns["group"]).items()
        if parts
    }
