"""Scoring a model on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from agekit.data.split import load_faces
from agekit.data.table import SPLITS
from agekit.device import pick_device
from agekit.errors import ConfigError, nearest
from agekit.estimator.infer import raw_outputs
from agekit.recipe import DataConfig
from agekit.training.display import Display
from agekit.training.faces import TrainingFaces
from agekit.training.progress import caching
from agekit.training.report import generation_metrics
from agekit.zoo.folder import find_model, load_model

__all__ = ["evaluate"]


def evaluate(
    model: str | Path,
    dataset: str,
    *,
    root: Path | None = None,
    protocol: str | None = None,
    split: str = "test",
    device: str = "auto",
    console: Console | None = None,
) -> dict[str, Any]:
    """Scores a model on one split of a dataset.

    Args:
        model: a model folder or a run folder.
        dataset: a dataset's name.
        root: where it lies; else ``$AGEKIT_DATA/<dataset>``.
        protocol: how it is split; else its default.
        split: ``train``, ``val``, ``test`` or ``all``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        console: where to show progress; None shows none.

    Returns:
        ``{"model", "dataset", "protocol", "split_hash", "split", "n", "metrics"}``.

    Raises:
        ConfigError, DataError, ModelError: what was asked for is not there or cannot be read.
    """
    if split not in (*SPLITS, "all"):
        raise ConfigError(
            f"there is no split {split!r}{nearest(split, [*SPLITS, 'all'])}",
            "use train, val, test or all",
        )
    place = pick_device(device)
    network, config = load_model(find_model(model), place)
    faces = load_faces(dataset, root, protocol)
    faces.rows(split)  # type: ignore[arg-type]
    image = DataConfig(**config.image.model_dump())
    splits = SPLITS if split == "all" else (split,)
    with caching(Display(console, None), image.size) as progress:
        data = TrainingFaces(faces, image, place, splits=splits, progress=progress)
    data.require(split)
    raw = raw_outputs(network, data.loader(split))
    metrics = generation_metrics(network, raw, data, split)
    return {
        "model": str(model),
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "split": split,
        "n": metrics.pop("n"),
        "skipped": len(data.problems),
        "metrics": metrics,
    }
