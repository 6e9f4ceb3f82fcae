"""From a finished run to the result of its cell."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import torch

from agekit.recipe import resolve
from agekit.registry import DATASETS
from agekit.training.carry_out import TrainResult
from agekit.training.run import Run
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import read_config
from agekit_bench.machine import machine
from agekit_bench.predictions import write_predictions
from agekit_bench.result import CodeState, Result
from agekit_bench.result_files import canonical_hash, predictions_path, write_result
from agekit_bench.scoring import score
from agekit_bench.spec import CellSpec

__all__ = ["make_result"]


_PINNED = ("rule", "mirror")
"""What else a fair comparison pins, of a model whose configuration has it."""


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
    began = time.perf_counter()
    config = read_config(done.model)
    scored = list(score(spec, done, config, device))
    parts = [estimates for _, estimates in scored if estimates is not None]
    predictions = write_predictions(predictions_path(spec.result), parts) if parts else None
    recipe = resolve(str(Run(done.run).recipe)).to_dict()
    write_result(
        spec.result,
        Result(
            **spec.identity,
            split_hash=config.trained["split_hash"],
            status="done",
            evaluations=[evaluation for evaluation, _ in scored],
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
    facts |= {name: getattr(config, name) for name in _PINNED if hasattr(config, name)}
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
