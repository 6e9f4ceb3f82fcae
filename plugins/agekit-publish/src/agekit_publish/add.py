"""A model written for an index: its folder, and the entry beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from agekit.atomic import write_text
from agekit.data.home import only_one
from agekit.errors import ConfigError, ModelError
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.add import entry_for
from agekit.zoo.config import ModelConfig
from agekit.zoo.entry import ZooEntry, write_entry
from agekit.zoo.files import small_text, wrap_os_error
from agekit.zoo.folder import load_network, save_model
from agekit.zoo.locate import locate
from agekit.zoo.metrics import model_metrics, parse_metrics
from agekit.zoo.names import ENTRY_NAME
from agekit_publish.ready import carry

__all__ = ["Added", "add_model", "must_take_files"]

_HALF = (
    "\n## Precision\n\nThe weights are stored in half precision, and used in single precision. The "
    "metrics were measured {} they were rounded.\n"
)


class Added(NamedTuple):
    """The outcome of adding a model.

    Args:
        entry: the entry.
        path: its JSON.
        folder: the model folder.
        change: the largest difference that half precision makes on the fixed input of
            `agekit.zoo.check`, in its unit; 0 without.
    """

    entry: ZooEntry
    path: Path
    folder: Path
    change: float


def add_model(
    model: str | Path,
    out: Path,
    name: str,
    *,
    half: bool = False,
    description: str | None = None,
    licence: str | None = None,
    default: bool = False,
    evaluation: Path | None = None,
    force: bool = False,
) -> Added:
    """Writes ``out/name/`` and ``out/name.json``, for someone to review and publish.

    Args:
        model: a model or run folder, or another name of a model.
        out: a folder of entries.
        name: what the model is to be called.
        half: whether to store the weights in half precision.
        description: one line; else one made of the configuration.
        licence: of the weights; else that of the data.
        default: make it the model of its task that is used where none is named.
        evaluation: what ``agekit evaluate MODEL DATASET --json`` printed, for the card: of an ager;
            or of an estimator on the data of its training, in place of what that measured.
        force: replace what is there.

    Raises:
        ConfigError: the name is not one, or taken.
        ModelError: the model is damaged, or its weights do not fit half precision.
    """
    from agekit.zoo.check import outputs

    folder, path = out / name, out / f"{name}.json"
    if not re.fullmatch(ENTRY_NAME, name):
        raise ConfigError(
            f"a model cannot be called {name!r}", "use letters, digits, '.', '_', '-'"
        )
    _must_be_free(folder, path, force)
    source = locate(model)
    network, config = load_network(source)
    task: Task = TASKS.get(config.task)
    before = outputs(network, config)
    was_half = config.trained.get("weights") == "float16"
    trained = config.trained | ({"weights": "float16"} if half else {})
    config = config.model_copy(update={"name": name, "trained": trained})
    metrics = model_metrics(source, config.task)
    if evaluation is not None:
        metrics |= _evaluation(evaluation, config, metrics)
    if task.inference is not None and "operations" in task.metrics["model"].model_fields:
        metrics["operations"] = _operations(task.inference(network)[0], config.image.size)
    card: str = task.card(config, metrics)
    if half:
        network.half()
        if not all(value.isfinite().all() for value in network.state_dict().values()):
            raise ModelError(
                f"{source}: a weight is too large for half precision", "leave out --half"
            )
        card += _HALF.format("after" if was_half and evaluation else "before")
    with only_one(out):
        _must_be_free(folder, path, force)
        save_model(folder, network, config, metrics, card, keep=True)
        carry(folder)
        entry = entry_for(
            folder,
            f"bundled:{name}",
            name=name,
            description=description,
            licence=licence,
            default=default,
        )
        write_text(path, write_entry(entry))
    after = entry.check.outputs if entry.check else before
    pairs = (zip(values, after[key], strict=True) for key, values in before.items())
    change = max(abs(one - other) for pair in pairs for one, other in pair)
    return Added(entry, path, folder, change)


def _must_be_free(folder: Path, path: Path, force: bool) -> None:
    if not force and (folder.exists() or path.exists()):
        raise ConfigError(f"{path} is there already", "replace it with --force")


def _evaluation(path: Path, config: ModelConfig, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Of the metrics of a model, what an evaluation has changed."""
    task: Task = TASKS.get(config.task)
    try:
        found = json.loads(small_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    try:
        if not isinstance(found, dict):
            raise ValueError("it is no mapping")
        if "evaluation" in task.metrics["model"].model_fields:
            if "judges" not in found:
                raise ValueError("it holds no judges")
            told = {key: value for key, value in found.items() if key not in ("model", "task")}
            changed = {"evaluation": told}
        else:
            changed = _measured(found, config, metrics)
        parse_metrics(json.dumps(changed), config.task)
    except ValueError as error:
        raise ConfigError(
            f"{path} is not what `agekit evaluate {config.name} DATASET --json` prints, which is "
            f"{task.title}: {error}",
            "make it again, of an estimator on the data and by the protocol of its training",
        ) from error
    return changed


def _measured(
    found: Mapping[str, Any], config: ModelConfig, metrics: Mapping[str, Any]
) -> dict[str, Any]:
    """The metrics of the split that was measured again, of the model and of its generation."""
    for key in ("dataset", "protocol", "split_hash"):
        if found.get(key) != config.trained.get(key):
            raise ValueError(f"its {key} is {found.get(key)}, not {config.trained.get(key)}")
    split, kept = found.get("split"), metrics.get("kept", {}).get("generation")
    if split not in ("val", "test"):
        raise ValueError(f"its split is {split}, not val or test")
    if not isinstance(found.get("metrics"), dict):
        raise ValueError("it holds no metrics")
    row = {"n": found.get("n"), **found["metrics"]}
    generations = [
        one | ({"metrics": one["metrics"] | {split: row}} if one["generation"] == kept else {})
        for one in metrics.get("generations", [])
    ]
    return {split: row} | ({"generations": generations} if generations else {})


def _operations(infer: Callable[[Any], Any], size: int) -> int:
    """The multiply-adds of one answer."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        infer(torch.zeros(1, 3, size, size))
    return int(counter.get_total_flops()) // 2


def must_take_files(index: Path) -> None:
    """Refuses a folder that takes no files, before anything is pushed.

    Raises:
        ModelError: it takes none.
    """
    place = index.absolute()
    while not place.exists():
        place = place.parent
    with wrap_os_error(index), TemporaryFile(dir=place):
        pass
