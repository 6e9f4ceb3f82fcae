"""The contract of trainings: what a task does before, around and after its evolver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import torch
from rich.console import Console
from torch import Tensor, nn

from agekit.data.alignment import Alignment
from agekit.data.pool import Progress
from agekit.data.split import Faces
from agekit.data.table import SPLITS
from agekit.device import rank_and_world
from agekit.progress import decoding
from agekit.recipe import Recipe
from agekit.registry import TASKS
from agekit.task import Task
from agekit.training.display import Display
from agekit.training.evolver import Evolver, build_evolver
from agekit.training.faces import TrainingFaces
from agekit.training.run import Run
from agekit.training.trainer import Trainer

__all__ = ["Start", "TimedStep", "TrainingTask", "training_of"]

TimedStep = Callable[[Tensor, torch.dtype | None], tuple[nn.Module, Callable[[], object]]]
D = TypeVar("D")
L = TypeVar("L", bound=Trainer[Any])


@dataclass(frozen=True)
class Start:
    """The start of a run.

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

    Recipes are those of the task.

    Attributes:
        trains: the class of what its evolvers give.
        trainer_type: the class of what its evolvers work with.
        info: what the ``run.json`` of a new run holds beside what all have.
    """

    trains: ClassVar[type[nn.Module]]
    trainer_type: ClassVar[type[Trainer[Any]]]
    info: ClassVar[Mapping[str, Any]] = {}

    def of(self, recipe: Any) -> TrainingTask[Any, Any]:
        """The training of a recipe, where those of one task are of several kinds."""
        return self

    def frame(self, recipe: Any) -> Alignment | None:
        """The places where faces have to lie for the recipe's network; None where it takes any."""
        return None

    def select(self, recipe: Any, faces: Faces) -> Faces:
        """The faces with the splits that the recipe asks for; those of the protocol if none."""
        return faces

    def scored_with(self, recipe: Any) -> Mapping[str, Any]:
        """The options with which a recipe's models are scored, see `Task.evaluation_options`."""
        return {}

    def timed_step(self, recipe: Any) -> TimedStep | None:
        """A maker of a step of a recipe's first generation, to be timed; None where there is none.

        It is given images (N, 3, S, S) on their device and the type of autocast, and makes the
        network, new, and a function that trains it once on these images.
        """
        return None

    def prepare(
        self, recipe: Any, faces: Faces, device: torch.device, console: Console | None, seed: int
    ) -> D:
        """Tries the parts and decodes the faces: what cannot work ends before a run begins."""
        evolver = build_evolver(recipe.evolver, recipe.kind)
        display = Display(console if rank_and_world()[0] == 0 else None, None)
        for note in self.rehearse(recipe, evolver, faces, device, seed):
            display.line(note)
        with decoding(display.console, recipe.data.stored) as progress:
            data = self.decode(recipe, faces, device, progress)
        self.require(recipe, data)
        return data

    def rehearse(
        self, recipe: Any, evolver: Evolver[Any], faces: Faces, device: torch.device, seed: int
    ) -> Iterable[str]:
        """Tries the parts of a recipe; gives what a person should know, a line each.

        Args:
            recipe: what is to be trained.
            evolver: its evolver, built.
            faces: what it is to be trained on.
            device: where.
            seed: of the weights.

        Raises:
            AgekitError: they do not fit together, or one does not do what its kind asks of it.
        """
        return ()

    def watched(self, faces: Faces) -> str | None:
        """The key a recipe's hook may monitor, in mmengine's words; None without a split for it."""
        there = bool((faces.codes == SPLITS.index("val")).any())
        return f"val/{self.trainer_type.watched.key}" if there else None

    def decode(
        self, recipe: Any, faces: Faces, device: torch.device, progress: Progress | None
    ) -> D:
        """The faces, decoded, as the trainer takes them: `TrainingFaces`."""
        return cast(D, TrainingFaces(faces, recipe.data, device, progress=progress))

    def require(self, recipe: Any, data: Any) -> None:
        """Makes sure that what was decoded can be trained on.

        Raises:
            AgekitError: it cannot, as where the splits are not there that are asked for.
        """
        data.require_splits(recipe.train)

    @abstractmethod
    def describe(self, data: D) -> str:
        """The number of faces, and of what."""

    def remarks(self, data: D, info: Mapping[str, Any]) -> Iterable[str]:
        """Lines that a person should read before the training.

        Args:
            data: what is trained on.
            info: what the run's ``run.json`` holds.
        """
        return ()

    def first_weights(
        self, recipe: Any, fixed: Collection[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """The origin of the weights of a run that starts from no model.

        Args:
            recipe: what is going to be trained.
            fixed: the keys of the recipe's ``data`` that the user, or the recipe's author, has set
                for this network.

        Returns:
            What ``data`` takes from them, and lines to tell.
        """
        return {}, []

    @abstractmethod
    def start(self, init: str | Path, recipe: Any, faces: Faces, fixed: Collection[str]) -> Start:
        """Reads what a run is to start from, and checks that it fits.

        Args:
            init: the model.
            recipe: what is going to be trained.
            faces: on what.
            fixed: the keys of the recipe's ``data`` that the user has set.
        """

    def initial(self, run: Run, data: D, info: Mapping[str, Any]) -> dict[str, Tensor] | None:
        """The weights that a run keeps to start from, if any."""
        return run.tensors(run.initial) if run.initial.exists() else None

    def trainer(
        self, recipe: Any, data: D, run: Run, display: Display, info: Mapping[str, Any]
    ) -> L:
        """The trainer that the evolver works with, in a run as its `info` has it."""
        made: Any = self.trainer_type(
            recipe=recipe,
            faces=data,
            initial=self.initial(run, data, info),
            run=run,
            display=display,
            seed=info["seed"],
            logs=info.get("logs", ()),
        )
        return cast(L, made)

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
    return training.of(recipe)
