"""The model folder: written whole by training, read by everything."""

from __future__ import annotations

import hashlib
import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError

from agekit._loading import OFFICIAL, how_to_upgrade
from agekit._mistakes import summary
from agekit.atomic import is_aside, write_bytes, write_text, written_folder
from agekit.data.digests import hash_file
from agekit.discovery import CORE
from agekit.errors import AgekitError, ModelError, UnknownNameError, nearest, one_line
from agekit.registry import DATASETS, TASKS
from agekit.scope import within
from agekit.task import Task
from agekit.zoo.config import DISTRIBUTIONS, ModelConfig
from agekit.zoo.files import CARD, CONFIG, EVAL_RESULTS, METRICS, WEIGHTS, is_graph, small_text
from agekit.zoo.requires import missing

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = [
    "check_requires",
    "licence_of",
    "load_network",
    "load_weights",
    "read_config",
    "read_weights",
    "save_model",
    "within_model",
]

_PARTS = (CARD, CONFIG, METRICS, WEIGHTS, EVAL_RESULTS)


def save_model(
    folder: Path,
    network: nn.Module,
    config: ModelConfig,
    metrics: Mapping[str, Any],
    card: str,
    keep: bool = False,
) -> None:
    """Writes a model folder aside and puts it in place whole, replacing one that is there.

    Args:
        folder: where.
        network: whose weights.
        config: what ``config.json`` is to hold.
        metrics: what ``metrics.json`` is to hold.
        card: the text of ``README.md``.
        keep: whether what else is in the folder stays there.
    """
    from safetensors.torch import save  # needs torch, without which configurations are read

    with written_folder(folder) as aside:
        weights = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
        data = save(weights, metadata={"format": "pt"})
        write_bytes(aside / WEIGHTS, data)
        sha256 = hashlib.sha256(data).hexdigest()
        config = config.model_copy(update={"weights_sha256": sha256, "onnx_sha256": {}})
        write_text(aside / CONFIG, config.model_dump_json(indent=1) + "\n")
        write_text(aside / METRICS, json.dumps(metrics, indent=1) + "\n")
        write_text(aside / CARD, card)
        for other in folder.iterdir() if keep and folder.is_dir() else ():
            # An ONNX file is of the weights that were there before.
            if other.name not in _PARTS and not is_graph(other.name) and not is_aside(other.name):
                _copy(other, aside / other.name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


@contextmanager
def within_model(config: ModelConfig) -> Iterator[None]:
    """While this lasts, names mean the parts of the distributions that a model was made with."""
    trained = config.trained.get(DISTRIBUTIONS)
    with within(config.requires, trained if isinstance(trained, dict) else ()):
        yield


def check_requires(config: ModelConfig, folder: Path) -> None:
    """Refuses a model some distributions of whose parts are missing.

    Raises:
        ModelError: saying which, and how to install them.
    """
    if lacking := missing(config.requires):
        raise ModelError(
            f"{folder}: the model needs {', '.join(lacking)}, not installed here",
            f"`pip install {' '.join(lacking)}`",
        )


@contextmanager
def _building(config: ModelConfig, folder: Path) -> Iterator[None]:
    """Names the folder in what goes wrong with a model's parts, and what is not installed.

    Raises:
        ModelError: a distribution is missing, or a part cannot be made.
    """
    check_requires(config, folder)
    try:
        with within_model(config):
            yield
    except AgekitError as error:
        raise ModelError(f"{folder}: {error.message}", error.hint, error.where) from error


def licence_of(config: ModelConfig) -> str:
    """The terms of the data, which the weights carry: as recorded, or as their reader says."""
    trained = config.trained
    dataset, data = str(trained.get("dataset") or ""), trained.get("data")
    terms = str(data.get("licence") or "") if isinstance(data, Mapping) else ""
    with suppress(AgekitError), within_model(config):
        terms = terms or DATASETS.get(dataset).licence
    terms = " ".join(terms.split())
    return f"{terms} ({dataset})"[:500] if terms and dataset else terms or "unknown"


class _Named(BaseModel):
    """The key of a configuration that says what schema the rest is of."""

    task: str


def read_config(folder: Path, task: str | None = None) -> Any:
    """A model folder's configuration, as the `config` of its task has it.

    Args:
        folder: the model folder.
        task: the only one that will do.

    Raises:
        ModelError: it is missing, not valid, or of another task.
    """
    path = folder / CONFIG
    schema: Any = _Named
    try:
        text = small_text(path)
        found = _Named.model_validate_json(text).task
        schema = _task(found, path).config
        config = schema.model_validate_json(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    except ValidationError as error:
        raise ModelError(
            f"{path} is not a valid model configuration: {summary(error, schema)}",
            f"it may be damaged, or from a newer agekit: {how_to_upgrade(CORE)}",
        ) from error
    if task not in (None, found):
        theirs = _task(found, path)
        raise ModelError(
            f"{folder} is {theirs.title}, not {_task(task, path).title}",
            f"use it with `{theirs.command}`",
        )
    return config


def _task(name: str, path: Path) -> Task:
    try:
        task: Task = TASKS.get(name)
    except UnknownNameError as error:
        if ("task", name) in OFFICIAL:
            raise ModelError(f"{path}: {error.message}", error.hint) from error
        raise ModelError(
            f"{path} is not a valid model configuration: task: nothing installed here makes models "
            f"of the task {name!r}{nearest(name, TASKS.names())}",
            "install the plugin that it was trained with; see `agekit list tasks`",
        ) from error
    return task


def load_network(
    folder: Path, device: torch.device | str = "cpu", task: str | None = None
) -> tuple[Any, Any]:
    """The network of a model folder, in evaluation mode, and its configuration.

    Args:
        folder: the model folder.
        device: where to put the network.
        task: the only one that will do.

    Raises:
        ModelError: a file is missing, damaged, does not fit the others, or is of another task.
    """
    config = read_config(folder, task)
    with _building(config, folder):
        network: nn.Module = TASKS.get(config.task).build(config)
    load_weights(network, folder / WEIGHTS, config.weights_sha256)
    return network.to(device).eval(), config


def read_weights(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors in a file, by name.

    Args:
        path: the file.
        sha256: of the file, 64 hex digits, where it is known.

    Raises:
        ModelError: it cannot be read, or is another.
    """
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
        found = sha256 and hash_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read the weights {path}: {one_line(error)}") from error
    if found != sha256:
        raise ModelError(
            f"the weights {path} are damaged or of another model: their SHA-256 is {found}, and "
            f"{CONFIG} says {sha256}",
            "copy or fetch the whole model folder again; if you changed them yourself, take "
            f"weights_sha256 out of {CONFIG}",
        )
    return weights


def load_weights(network: nn.Module, path: Path, sha256: str | None = None) -> None:
    """Loads the weights in a file into a network.

    Args:
        network: whose weights they are to be.
        path: the file.
        sha256: as `read_weights`.

    Raises:
        ModelError: they cannot be read, are damaged, or are of another network.
    """
    weights = read_weights(path, sha256)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = textwrap.shorten(one_line(error), 300, placeholder=" ...")
        raise ModelError(f"the weights {path} do not fit the network: {reason}") from error
