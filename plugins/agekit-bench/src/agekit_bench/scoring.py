"""Scoring a finished run: every generation on its protocol, the last on others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS, FaceTable
from agekit.errors import TrainingError
from agekit.recipe import DataConfig
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.infer import raw_outputs
from agekit.tasks.estimator.metrics import bias, coverage, cs, mae, summary
from agekit.tasks.estimator.model import AgeEstimator
from agekit.training.faces import TrainingFaces
from agekit.training.framing import Framing, find_framing
from agekit.training.run import Run
from agekit_bench.failure import plain
from agekit_bench.predictions import GENDERS, Estimates, named, parts_by
from agekit_bench.result import Evaluation
from agekit_bench.spec import CrossSpec

__all__ = [
    "alignments",
    "framing_of",
    "parts_of",
    "score_cross",
    "score_generations",
    "scored_split",
]


Split = Literal["train", "val", "test", "all"]
_PREFERRED: tuple[Split, ...] = ("test", "val", "train")


def score_generations(
    network: AgeEstimator,
    config: EstimatorConfig,
    run: Run,
    generations: Sequence[int],
    faces: Faces,
    device: torch.device,
) -> list[tuple[Evaluation, Estimates]]:
    """Scores each generation on the `scored_split`.

    Args:
        network: of the model; it is left with the weights of the last generation.
        config: of the model.
        run: where the generations are kept.
        generations: their numbers, ascending.
        faces: what the model was trained on.
        device: where the network is.
    """
    split = scored_split(faces)
    framing = framing_of(run) or find_framing(faces, device, wanted=config.face, as_chips=True)
    data = _data(framing.apply(faces), config, split, device)
    out = []
    for number in generations:
        folder = run.generation(number)
        network.load_state_dict(load_file(folder / "model.safetensors"))
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        network.margin = metrics["interval"]["margin"]
        evaluation, estimates = _score(network, data, split, number)
        out.append((evaluation.model_copy(update=alignments(framing)), estimates))
    return out


def scored_split(faces: Faces) -> Split:
    """What finished models are scored on: the test, or what comes nearest to it."""
    return next(s for s in _PREFERRED if (faces.codes == SPLITS.index(s)).any())


def score_cross(
    network: AgeEstimator,
    config: EstimatorConfig,
    generation: int,
    cross: CrossSpec,
    device: torch.device,
    as_chips: bool = False,
) -> tuple[Evaluation, Estimates]:
    """Scores the last generation on another dataset, reframed to what the model knows.

    Args:
        network: of the model.
        config: of the model.
        generation: its number.
        cross: the other dataset.
        device: where the network is.
        as_chips: takes the images of a dataset of whole photos as face chips all the same.

    Raises:
        DataError: that cannot be read, has no such split, or is of whole photos.
    """
    faces = load_faces(cross.dataset, cross.root, cross.protocol, columns=cross.columns)
    faces.rows(cross.split)
    framing = find_framing(
        faces, device, wanted=config.face, model="the model", root=cross.root, as_chips=as_chips
    )
    data = _data(framing.apply(faces), config, cross.split, device)
    evaluation, estimates = _score(network, data, cross.split, generation)
    face = framing.shown
    told = {"alignment": face.align, "margin": face.margin, **alignments(framing)}
    return evaluation.model_copy(update=told), estimates


def framing_of(run: Run) -> Framing | None:
    """How a run showed its faces to the model; None of one from before that was kept."""
    told = json.loads(run.info.read_text(encoding="utf-8")).get("framing")
    return None if told is None else Framing.model_validate(told)


def alignments(framing: Framing | None) -> dict[str, Any]:
    """What an `Evaluation` keeps of how faces were shown."""
    if framing is None:
        return {}
    return {
        "data_alignment": framing.data,
        "shown_alignment": framing.shown,
        "remarks": [plain(note, {}) for note in framing.notes],
    }


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
    return {
        kind: {
            name: _figures(estimate, low, high, true, parts[name])
            for name in names.get(kind, parts)
            if name in parts
        }
        for kind, parts in parts_by(true, columns["gender"], columns["group"]).items()
        if parts
    }


def _figures(
    estimate: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    true: NDArray[Any],
    mine: NDArray[np.int64],
) -> dict[str, float]:
    return {
        "n": len(mine),
        "mae": mae(estimate[mine], true[mine]),
        "bias": bias(estimate[mine], true[mine]),
        "cs5": cs(estimate[mine], true[mine], 5),
        "coverage": coverage(low[mine], high[mine], true[mine]),
    }


def _data(
    faces: Faces, config: EstimatorConfig, split: Split, device: torch.device
) -> TrainingFaces:
    image = DataConfig(**config.image.model_dump())
    splits = SPLITS if split == "all" else (split,)
    data = TrainingFaces(faces, image, device, splits=splits)
    data.require(split)
    return data


def _score(
    network: AgeEstimator, data: TrainingFaces, split: Split, generation: int
) -> tuple[Evaluation, Estimates]:
    faces, rows = data.faces, data.rows(split)
    raw = raw_outputs(network, data.loader(split))
    made = network.estimate(raw)
    estimate, low, high = (x.cpu().numpy() for x in (made.age, made.low, made.high))
    if not all(np.isfinite(x).all() for x in (estimate, low, high)):
        raise TrainingError(
            f"an estimate of generation {generation} on {faces.protocol} is not finite",
            "lower train.optimizer.lr, or set train.clip_norm",
        )
    table = faces.table
    true, sigma = table.age[rows], table.sigma[rows]
    metrics = summary(estimate, true, sigma=sigma, low=low, high=high)
    parts = network.per_head(raw)
    if len(parts) > 1:
        for head, part in parts.items():
            own = summary(part.age.cpu().numpy(), true, sigma=sigma)
            metrics |= {f"{name}@{head}": value for name, value in own.items()}
    known = (table.identity >= 0).any()
    evaluation = Evaluation(
        protocol=faces.protocol,
        split_hash=faces.split_hash,
        subject_exclusive=faces.shared_identities == 0 if known else None,
        split=split,
        generation=generation,
        n=len(rows),
        skipped=len(faces.rows(split)) - len(rows),
        metrics=metrics,
        by=parts_of(estimate, low, high, table, rows),
    )
    return evaluation, Estimates(faces.protocol, generation, table, rows, estimate, low, high)
