"""The entry of the zoo's index that a model folder makes."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agekit.errors import AgekitError, ModelError
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry import ZooEntry, read_entry
from agekit.zoo.files import CARD, CONFIG, METRICS, WEIGHTS, hash_file
from agekit.zoo.metrics import model_metrics

__all__ = ["entry_for"]

SPLITS = ("test", "val", "train")
"""In the order in which their metrics are preferred."""


def entry_for(
    folder: Path,
    source: str,
    revision: str | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    licence: str | None = None,
    check: bool = True,
    default: bool = False,
) -> ZooEntry:
    """The entry of a model folder, made of its files.

    Args:
        folder: a model folder.
        source: see `ZooEntry`.
        revision: see `ZooEntry`.
        name: else the model's own.
        description: else one made of its configuration.
        licence: else that of the dataset it was trained on, where that is installed.
        check: whether to run the model on the fixed input and keep what it makes of it.
        default: see `ZooEntry`.

    Raises:
        ModelError: a file is missing or damaged, or an entry may not say this.
    """
    from agekit.zoo.folder import read_config

    config = read_config(folder)
    metrics, scored = _scores(model_metrics(folder, config.task))
    dataset = str(config.trained.get("dataset") or "")
    found: dict[str, Any] = {
        "name": name or re.sub(r"[^A-Za-z0-9._-]+", "-", config.name).strip("-._"),
        "task": config.task,
        "description": description or _describe(config),
        "requires": config.requires,
        "source": source,
        "revision": revision,
        "files": _records(folder),
        "parameters": config.parameters,
        "backbone": config.network,
        "metrics": metrics,
        "licence": licence or _licence(config),
        "data": {
            "dataset": dataset,
            "protocol": str(config.trained.get("protocol") or ""),
            "split_hash": str(config.trained.get("split_hash") or ""),
            "scored": scored,
        },
        "default": default,
    }
    if check:
        from agekit.zoo.check import record

        found["check"] = asdict(record(folder))
    try:
        return read_entry(found)
    except ValueError as error:
        raise ModelError(f"{folder} makes no entry of the zoo: {error}", "") from error


def _records(folder: Path) -> dict[str, Any]:
    paths = [folder / name for name in (WEIGHTS, CONFIG, CARD, METRICS)]
    try:
        return {
            path.name: {"sha256": hash_file(path), "size": path.stat().st_size}
            for path in paths
            if path.is_file()
        }
    except OSError as error:
        raise ModelError(f"cannot read {error.filename}: {error.strerror}") from error


def _describe(config: ModelConfig) -> str:
    """One line: what it does, with what network, and what it was trained on."""
    dataset = config.trained.get("dataset")
    return config.summary + (f"; trained on {dataset}" if dataset else "")


def _scores(stored: Mapping[str, Any]) -> tuple[dict[str, int | float], str]:
    """The plain numbers of the split that was scored, and which it is."""
    for split in SPLITS:
        if isinstance(stored.get(split), dict):
            numbers = {
                key: value if isinstance(value, int) else round(value, 6)
                for key, value in stored[split].items()
                if isinstance(value, int | float)
                and not isinstance(value, bool)
                and abs(value) <= sys.float_info.max
            }
            return numbers, split
    return {}, ""


def _licence(config: ModelConfig) -> str:
    """The terms of the data, which the weights carry: as recorded, or as their reader says."""
    from agekit.registry import DATASETS
    from agekit.zoo.folder import within_model

    trained = config.trained
    dataset, data = str(trained.get("dataset") or ""), trained.get("data")
    terms = str(data.get("licence") or "") if isinstance(data, Mapping) else ""
    with suppress(AgekitError), within_model(config):
        terms = terms or DATASETS.get(dataset).licence
    terms = " ".join(terms.split())
    return f"{terms} ({dataset})"[:500] if terms and dataset else terms or "unknown"
