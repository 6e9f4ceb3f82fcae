"""The entry of a model, made of its folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agekit.data.digests import hash_file
from agekit.errors import ModelError
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry import ZooEntry, read_entry
from agekit.zoo.files import CARD, CONFIG, METRICS, WEIGHTS
from agekit.zoo.folder import licence_of, read_config
from agekit.zoo.index import IndexedModel
from agekit.zoo.metrics import model_metrics
from agekit.zoo.names import plain_name

__all__ = ["entry_for", "entry_of"]

SPLITS = ("test", "val", "train")
"""In the order in which their metrics are preferred."""


def entry_of(model: IndexedModel) -> ZooEntry:
    """The entry of a model, with the hashes of its files.

    Raises:
        ModelError: it has no JSON, and its folder is damaged.
    """
    if not model.path.is_dir():
        return model.entry
    return entry_for(model.path, model.entry.source, name=model.entry.name, check=False)


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
    config = read_config(folder)
    metrics, scored = _scores(model_metrics(folder, config.task))
    dataset = str(config.trained.get("dataset") or "")
    found: dict[str, Any] = {
        "name": name or plain_name(config.name),
        "task": config.task,
        "description": description or _describe(config),
        "requires": config.requires,
        "source": source,
        "revision": revision,
        "files": _records(folder, config),
        "parameters": config.parameters,
        "backbone": config.network,
        "metrics": metrics,
        "licence": licence or licence_of(config),
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


def _records(folder: Path, config: ModelConfig) -> dict[str, Any]:
    paths = [folder / name for name in (WEIGHTS, *config.onnx_sha256, CONFIG, CARD, METRICS)]
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
