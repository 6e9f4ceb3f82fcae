"""The contract of trainings: what a task does before, around and after its evolver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from rich.console import Console
from torch import Tensor, nn

from agekit.data.alignment import Alignment
from agekit.data.split import Faces
from agekit.recipe import Recipe, Resolved
from agekit.registry import TASKS
from agekit.task import Task
from agekit.training.display import Display
from agekit.training.run import Run
from agekit.training.trainer import Trainer

__all__ = ["Start", "TrainingTask", "training_of"]

D = TypeVar("D")
L = TypeVar("L", bound=Trainer[Any])


@dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes:
        weights: kept with the run.
        info: what ``run.json`` keeps of it.
        face: the alignment of the faces it was trained on; None if nothing says it.
        adopted: what the recipe's ``data`` takes from it.
        notes: what a person should know, a line each.
    """

    weights: dict[str, Tensor]
    info: dict[str, Any]
    face: Alignment | None = None
    adopted: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class TrainingTask(ABC, Generic[D, L]):
    """The training of one task, on its data `D` by its trainer `L`.

    Attributes:
        trains: the class of what its evolvers give.
        info: what the ``run.json`` of a new run holds beside what all have.
    """

    trains: ClassVar[type[nn.Module]]
    info: ClassVar[Mapping[str, Any]] = {}

    def select(self, resolved: Resolved, faces: Faces) -> Faces:
        """The faces with the splits that the recipe asks for; those of the protocol if none."""
        return faces

    @abstractmethod
    def prepare(
        self,
        resolved: Resolved,
        faces: Faces,
        device: torch.device,
        console: Console | None,
        seed: int,
    ) -> D:
        """Tries the parts and decodes the faces: what cannot work ends before a run begins."""

    @abstractmethod
    def describe(self, data: D) -> str:
        """How many faces of what."""

    def remarks(self, data: D, info: Mapping[str, Any]) -> Iterable[str]:
        """Lines that a person should read before the training.

        Args:
            data: what is trained on.
            info: what the run's ``run.json`` holds.
        """
        return ()

    def first_weights(
        self, resolved: Resolved, fixed: Collection[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Where the weights come from that a run without a model to start from begins with.

        Args:
            resolved: what is going to be trained.
            fixed: the keys of the recipe's ``data`` that the user, or the recipe's author, has set
                for this network.

        Returns:
            What ``data`` takes from them, and lines to tell.
        """
        return {}, []

    @abstractmethod
    def start(
        self, init: str | Path, resolved: Resolved, faces: Faces, fixed: Collection[str]
    ) -> Start:
        """Reads what a run is to start from, and checks that it fits.

        Args:
            init: the model.
            resolved: what is going to be trained.
            faces: on what.
            fixed: the keys of the recipe's ``data`` that the user has set.
        """

    @abstractmethod
    def trainer(
        self,
        resolved: Resolved,
        data: D,
        run: Run,
        display: Display,
        device: torch.device,
        info: dict[str, Any],
    ) -> L:
        """What the evolver works with."""

    @abstractmethod
    def export(self, trainer: L, network: nn.Module, info: dict[str, Any]) -> dict[str, Any]:
        """Draws the figures and writes the model folder; gives the final metrics."""


def training_of(recipe: Recipe) -> TrainingTask[Any, Any]:
    """The training of the task that a recipe is of.

    Raises:
        PluginError: it cannot be imported.
    """
    task: Task = TASKS.get(recipe.kind)
    training: TrainingTask[Any, Any] = task.training()
    return training
