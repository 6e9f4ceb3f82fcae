"""A model folder that is checked, and the files of it that are published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from agekit.data.notes import tell
from agekit.errors import ModelError
from agekit.zoo.add import entry_for
from agekit.zoo.cards.results import eval_files, scores
from agekit.zoo.entry import ZooEntry
from agekit.zoo.files import (
    CARD,
    CONFIG,
    EVAL_RESULTS,
    METRICS,
    ONNX,
    SMALL_FILE,
    WEIGHTS,
    model_folder,
)
from agekit.zoo.folder import read_config
from agekit.zoo.graphs import carry_graphs
from agekit.zoo.metrics import model_metrics
from agekit.zoo.names import HUB_PREFIX, parse_hub_name
from agekit.zoo.verify import verify

__all__ = ["Ready", "carry", "files_to_push", "must_be_repositories", "ready", "tested"]

NEEDED = (WEIGHTS, CONFIG, CARD)


class Ready(NamedTuple):
    """A model that was checked and loaded, and is ready to be pushed.

    Args:
        files: by their path in a repository.
        entry: for the index; of the files where they are now.
    """

    files: Mapping[str, Path]
    entry: ZooEntry

    @property
    def sizes(self) -> dict[str, int]:
        """The bytes of each file."""
        return {name: path.stat().st_size for name, path in self.files.items()}


@contextmanager
def ready(
    folder: Path, like: ZooEntry | None = None, benchmarks: Mapping[str, str] | None = None
) -> Iterator[Ready]:
    """Checks a model, loads it, and gives it ONNX files where it carries none.

    Args:
        folder: a model folder or a run folder with a model.
        like: what an index has of it: what its files must be; its name, description and licence
            stay.
        benchmarks: of which evaluation results are made, see `eval_files`.

    Raises:
        ModelError: the model is not whole, does not load, is not what the index has, or has no
            figures of a benchmark.
    """
    model = model_folder(folder)
    if model is None:
        raise ModelError(f"there is no model in {folder}", "give a run folder or a model folder")
    files_to_push(model)
    for problem in verify(model, like):
        raise ModelError(f"{problem.file}: {problem.text}", "a broken model is not pushed")
    with _with_graphs(model) as whole, TemporaryDirectory(prefix="agekit-push-") as place:
        results = _results(whole, benchmarks or {}, Path(place))
        entry = entry_for(whole, f"local:{model}")
        if like is not None:
            kept = ("name", "description", "licence", "default")
            entry = replace(entry, **{key: getattr(like, key) for key in kept})
        yield Ready(files_to_push(whole) | results, entry)


def _results(model: Path, benchmarks: Mapping[str, str], place: Path) -> dict[str, Path]:
    """The evaluation results of a model, written to a place, by their path in the repository."""
    must_be_repositories(benchmarks)
    if not benchmarks:
        return {}
    config = read_config(model)
    texts = eval_files(config, model_metrics(model, config.task), benchmarks)
    out = {}
    for name, text in texts.items():
        out[name] = place / Path(name).name
        out[name].write_text(text, encoding="utf-8")
    return out


def must_be_repositories(benchmarks: Mapping[str, str]) -> None:
    """Refuses what is no repository of the Hub's.

    Raises:
        ModelError: one is none.
    """
    for dataset, repository in benchmarks.items():
        if repository.startswith(HUB_PREFIX) or parse_hub_name(repository).revision is not None:
            raise ModelError(
                f"{repository!r} does not name a dataset's repository on the Hub",
                f"the form is --benchmark {dataset}=ORG/REPO",
            )


def tested(model: Path, benchmarks: Mapping[str, str]) -> dict[str, str]:
    """Those benchmarks of which a model has test figures.

    Raises:
        ModelError: its configuration or its metrics are damaged.
    """
    if not benchmarks:
        return {}
    config = read_config(model)
    known = {
        one.dataset
        for one in scores(config, model_metrics(model, config.task))
        if one.split == "test"
    }
    return {name: repository for name, repository in benchmarks.items() if name in known}


def carry(model: Path) -> None:
    """Gives a model its ONNX files, with weights in half precision where the model's are."""
    if find_spec("agekit_export") is None:
        tell("ONNX files hold single precision: agekit-export, which halves them, is not installed")
        carry_graphs(model)
        return
    from agekit_export.half import as_stored  # needs torch and onnx

    carry_graphs(model, as_stored(model))


@contextmanager
def _with_graphs(model: Path) -> Iterator[Path]:
    """The model folder; of one that carries no ONNX file, a copy that does, if they can be made."""
    if read_config(model).onnx_sha256:
        yield model
        return
    with TemporaryDirectory(prefix="agekit-push-") as place:
        copy = Path(place, "model")
        shutil.copytree(model, copy)
        carry(copy)
        yield copy


def files_to_push(model: Path) -> dict[str, Path]:
    """The files of a model folder that are published, by their path in the repository.

    Raises:
        ModelError: one that is needed is missing, or is too large.
    """
    found = {name: model / name for name in (*NEEDED, METRICS) if (model / name).is_file()}
    if CONFIG in found:
        found |= {name: model / name for name in read_config(model).onnx_sha256}
    results = sorted(model.glob(f"{EVAL_RESULTS}/*.yaml"))
    found |= {f"{EVAL_RESULTS}/{path.name}": path for path in results if path.is_file()}
    if lacking := [name for name in NEEDED if name not in found]:
        raise ModelError(
            f"{model} has no {' and no '.join(lacking)}", "train it again, or write what is missing"
        )
    for name, path in found.items():
        if not name.endswith((WEIGHTS, ONNX)) and (size := path.stat().st_size) > SMALL_FILE:
            raise ModelError(f"{path} has {size:,} bytes, more than {SMALL_FILE:,}", "shorten it")
    return found
