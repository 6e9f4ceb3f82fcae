"""What a listing shows of a model: read from its JSON or its folder, with little checking.

Standard library only: `agekit zoo list` reads hundreds of them. What uses an entry goes through
`agekit.zoo.index.entries.entry_of`, which checks it in full.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agekit._paths import expand_user
from agekit.zoo.files import CARD, CONFIG, METRICS, WEIGHTS, small_text
from agekit.zoo.names import ENTRY_NAME, HUB_PREFIX, TASK_NAME

__all__ = ["Listing", "read_listing"]

BUNDLED, LOCAL = "bundled:", "local:"
_NETWORKS = ("backbone", "generator")
"""The keys of a configuration that name the part that does most of the work."""


@dataclass(frozen=True)
class Listing:
    """One model of the index.

    Attributes:
        name: what users call it.
        giver: where the entry comes from: ``agekit``, a plugin's distribution, or a folder.
        path: its JSON; of a model without one, its model folder.
        task: ``estimator`` or ``ager``.
        description: one line.
        source: see `agekit.zoo.entry.ZooEntry`.
        revision: likewise.
        requires: likewise.
        sizes: bytes by file name.
        parameters: how many the network has.
        backbone: see `agekit.zoo.entry.ZooEntry`.
        metrics: likewise.
        licence: likewise.
        protocol: that it was trained on; empty if unknown.
        default: see `agekit.zoo.entry.ZooEntry`.
    """

    name: str
    giver: str
    path: Path
    task: str
    description: str
    source: str
    revision: str | None
    requires: Mapping[str, str]
    sizes: Mapping[str, int]
    parameters: int
    backbone: str
    metrics: Mapping[str, float]
    licence: str
    protocol: str
    default: bool = False

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(self.sizes.values())

    @property
    def dataset(self) -> str:
        """Registry name of the dataset it was trained on; empty if unknown."""
        return self.protocol.partition(":")[0]

    @property
    def hub_repo(self) -> str | None:
        """``org/repo`` of a model on the Hub, else None."""
        repo = self.source.removeprefix(HUB_PREFIX)
        return None if repo == self.source else repo

    @property
    def folder(self) -> Path | None:
        """Where its files lie, or would; None for a model on the Hub."""
        if self.source.startswith(BUNDLED):
            return self.path.parent / self.source.removeprefix(BUNDLED)
        if self.source.startswith(LOCAL):
            return self.path.parent / expand_user(self.source.removeprefix(LOCAL))
        return None


def read_listing(path: Path, name: str, giver: str) -> Listing:
    """Reads a JSON of the index, or a model folder.

    Args:
        path: the JSON, or the model folder.
        name: what the model is called.
        giver: see `Listing`.

    Raises:
        ValueError: it is damaged; says what is wrong with it.
    """
    if not re.fullmatch(ENTRY_NAME, name):
        raise ValueError(f"a model cannot be called {name!r}: letters, digits, '.', '_', '-'")
    try:
        if path.is_dir():
            return _from_folder(path, name, giver)
        return _from_entry(path, name, giver)
    except KeyError as error:
        raise ValueError(f"it lacks {error.args[0]!r}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror or error}") from error


def _from_entry(path: Path, name: str, giver: str) -> Listing:
    found = _object(json.loads(small_text(path)), "it")
    if found["name"] != name:
        raise ValueError(f"it is called {name}.json and names the model {found['name']!r}")
    files = _object(found["files"], "files")
    data = _object(found.get("data", {}), "data")
    source = _line(found["source"], "source")
    if not source.startswith((BUNDLED, HUB_PREFIX, LOCAL)):
        raise ValueError(f"its source is {source!r}: not bundled:, hf-hub: or local:")
    revision = found.get("revision")
    return Listing(
        name=name,
        giver=giver,
        path=path,
        task=_task(found["task"]),
        description=_line(found.get("description", ""), "description"),
        source=source,
        revision=None if revision is None else _line(revision, "revision"),
        requires=_requires(found.get("requires", {})),
        sizes={file: _count(_object(files[file], file)["size"], "size") for file in files},
        parameters=_count(found["parameters"], "parameters"),
        backbone=_line(found.get("backbone", ""), "backbone"),
        metrics=_numbers(_object(found.get("metrics", {}), "metrics")),
        licence=_line(found.get("licence", ""), "licence"),
        protocol=_line(data.get("protocol") or data.get("dataset", ""), "protocol"),
        default=found.get("default") is True,
    )


def _from_folder(path: Path, name: str, giver: str) -> Listing:
    config = _object(json.loads(small_text(path / CONFIG)), CONFIG)
    trained = _object(config.get("trained", {}), "trained")
    network = _object(next((config[key] for key in _NETWORKS if key in config), {}), CONFIG)
    metrics: dict[str, float] = {}
    if (path / METRICS).is_file():
        scores = _object(json.loads(small_text(path / METRICS)), METRICS)
        scored = [scores[split] for split in ("test", "val", "train") if split in scores]
        metrics = _numbers(_object(scored[0], METRICS)) if scored else {}
    files = [path / file for file in (WEIGHTS, CONFIG, CARD, METRICS)]
    return Listing(
        name=name,
        giver=giver,
        path=path,
        task=_task(config["task"]),
        description=_line(config["name"], "name"),
        source=f"{LOCAL}{path}",
        revision=None,
        requires=_requires(config.get("requires", {})),
        sizes={file.name: file.stat().st_size for file in files if file.is_file()},
        parameters=_count(config["parameters"], "parameters"),
        backbone=_line(network.get("type", ""), "type"),
        metrics=metrics,
        licence="",
        protocol=_line(trained.get("protocol") or "", "protocol"),
    )


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object")
    return value


def _line(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{what} is not one line of text")
    return value


def _count(value: Any, what: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{what} is not a whole number")
    return value


def _task(value: Any) -> str:
    if not re.fullmatch(TASK_NAME, str(value)):
        raise ValueError(f"its task is {value!r}: no name of a task")
    return str(value)


def _requires(value: Any) -> dict[str, str]:
    return {
        _line(key, "requires"): _line(item, key) for key, item in _object(value, "requires").items()
    }


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {k: v for k, v in values.items() if isinstance(v, int | float) and v is not True}
