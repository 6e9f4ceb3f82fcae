"""Entries of the zoo's index: read from JSON, or made of a model folder."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agekit._loading import how_to_upgrade
from agekit._mistakes import summary
from agekit.discovery import CORE
from agekit.errors import AgekitError, ModelError
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry_schema import Check, FileRecord, TrainingData, ZooEntry
from agekit.zoo.files import CARD, CONFIG, METRICS, SMALL_FILE, WEIGHTS, hash_file
from agekit.zoo.metrics import model_metrics

__all__ = [
    "Check",
    "FileRecord",
    "TrainingData",
    "ZooEntry",
    "entry_for",
    "hash_file",
    "parse_entry",
    "write_entry",
]

SPLITS = ("test", "val", "train")
"""In the order in which their metrics are preferred."""


def parse_entry(text: str, where: str) -> ZooEntry:
    """Reads an entry.

    Args:
        text: its JSON.
        where: what to call it in errors.

    Raises:
        ModelError: it is too large, damaged, of a later version, or says what an entry must not.
    """
    if len(text) > SMALL_FILE:
        raise ModelError(f"{where} has more than {SMALL_FILE:,} characters")
    try:
        return ZooEntry.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(
            f"{where} is not a valid entry of the zoo: {summary(error, ZooEntry)}",
            f"correct it, or if it is from a newer agekit: {how_to_upgrade(CORE)}",
        ) from error


def write_entry(entry: ZooEntry) -> str:
    """An entry's JSON, for people to review."""
    return json.dumps(entry.model_dump(), indent=1, ensure_ascii=False) + "\n"


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

        found["check"] = record(folder).model_dump()
    return parse_entry(json.dumps(found), str(folder))


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
