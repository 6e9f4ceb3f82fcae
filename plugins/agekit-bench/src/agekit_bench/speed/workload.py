"""Workloads of `agekit bench speed`: a training step, or an inference, of a recipe or model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError, UnknownNameError
from agekit.recipe import Recipe, resolve
from agekit.recipe_names import resolve_recipe_name
from agekit.registry import TASKS
from agekit.task import Task
from agekit.training.task import TimedStep, training_of
from agekit.zoo.folder import load_network, read_config
from agekit.zoo.locate import is_model, locate

__all__ = ["Asked", "Inference", "Phase", "Training", "Workload", "untrained", "workloads"]

Phase = Literal["train", "infer"]
Run = Callable[[], object]
_OF_RECIPES = "it is a model, and training is measured of recipes"
_NO_STEP = "its evolver lists no losses that a step could be made of"


@dataclass(frozen=True)
class Asked:
    """The conditions of a measurement.

    Attributes:
        phases: which; none is all there are.
        size: side of the images in pixels, in place of its own.
        preset: of a recipe.
        dtype: of autocast; None computes in float32.
    """

    phases: tuple[Phase, ...] = ()
    size: int | None = None
    preset: str | None = None
    dtype: torch.dtype | None = None


@dataclass(frozen=True)
class Workload(ABC):
    """Something to time.

    Attributes:
        name: what the user called it.
        kind: what that is.
        size: side of the images, pixels.
        dtype: of autocast; None computes in float32.
    """

    phase: ClassVar[Phase]
    smallest: ClassVar[int] = 1
    """The smallest batch it takes."""

    name: str
    kind: Literal["recipe", "model"]
    size: int
    dtype: torch.dtype | None

    @abstractmethod
    def prepare(self, batch: int, device: torch.device) -> tuple[Run, int]:
        """Builds it, with a batch of noise that is on the device already.

        Gives a function that does it once, and the number of parameters of the network.
        """

    def _images(self, batch: int, device: torch.device) -> Tensor:
        return torch.randn(batch, 3, self.size, self.size, device=device).clamp_(-1, 1)


@dataclass(frozen=True)
class Training(Workload):
    """Forward and backward pass and update of the first generation; no data is loaded.

    Attributes:
        step: makes it, as the recipe's task does.
    """

    phase = "train"
    smallest = 2

    step: TimedStep

    def prepare(self, batch: int, device: torch.device) -> tuple[Run, int]:
        """The step that ``agekit train`` takes."""
        network, step = self.step(self._images(batch, device), self.dtype)
        return step, _parameters(network)


@dataclass(frozen=True)
class Inference(Workload):
    """From normalised images to what prediction asks of the network, as its task says.

    Attributes:
        task: of the network.
        build: makes the network.
    """

    phase = "infer"

    task: Task
    build: Callable[[], nn.Module]

    def prepare(self, batch: int, device: torch.device) -> tuple[Run, int]:
        """The call that prediction makes of the network."""
        assert self.task.inference is not None
        infer, part = self.task.inference(self.build().to(device).eval())
        images = self._images(batch, device)

        @torch.no_grad()
        def run() -> object:
            with torch.autocast(
                device.type, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None
            ):
                return infer(images)

        return run, _parameters(part)


def workloads(name: str, asked: Asked | None = None) -> list[Workload]:
    """The workloads of a model or a recipe; of a model that is its inference.

    A name of both is the recipe, unless inference alone is asked for.

    Args:
        name: a model as `agekit.zoo.locate.locate` takes it, or a recipe with its backbone.
        asked: how.

    Raises:
        ConfigError: it is neither, or nothing of what was asked for can be timed.
        ModelError: the model's files are damaged.
    """
    asked = asked or Asked()
    phases = asked.phases or ("train", "infer")
    if is_model(name) and not (_is_recipe(name) and phases != ("infer",)):
        if "infer" not in phases:
            raise ConfigError(
                f"the training of {name} cannot be measured: {_OF_RECIPES}",
                "name the recipe it was trained by, or measure --infer",
            )
        folder = locate(name)
        config = read_config(folder)
        size = asked.size or config.image.size
        return [_inference(name, "model", size, asked, config.task, lambda: _loaded(folder))]
    overrides = [] if asked.size is None else [f"data.size={asked.size}"]
    recipe = resolve(name, preset=asked.preset, overrides=overrides).recipe
    size = recipe.data.size
    found: list[Workload] = []
    step = training_of(recipe).timed_step(recipe) if "train" in phases else None
    if step is not None:
        found.append(Training(name, "recipe", size, asked.dtype, step))
    if "infer" in phases:
        found.append(_inference(name, "recipe", size, asked, recipe.kind, lambda: _new(recipe)))
    if not found:
        raise ConfigError(
            f"the training of {name} cannot be measured: {_NO_STEP}", "measure --infer"
        )
    return found


def untrained(found: Sequence[Workload]) -> str:
    """Why none of the `workloads` of a name is of training; "" where one is."""
    if any(one.phase == "train" for one in found):
        return ""
    return _OF_RECIPES if any(one.kind == "model" for one in found) else _NO_STEP


def _is_recipe(name: str) -> bool:
    try:
        resolve_recipe_name(name)
    except UnknownNameError:
        return False
    return True


def _inference(
    name: str,
    kind: Literal["recipe", "model"],
    size: int,
    asked: Asked,
    task_name: str,
    build: Callable[[], nn.Module],
) -> Inference:
    task: Task = TASKS.get(task_name)
    if task.inference is None:
        raise ConfigError(
            f"the inference of {name} cannot be measured: {task.title} says of no one function "
            "what it is",
            "its task has to name its `inference`",
        )
    return Inference(name, kind, size, asked.dtype, task, build)


def _loaded(folder: Any) -> nn.Module:
    network: nn.Module = load_network(folder)[0]
    return network


def _new(recipe: Recipe) -> nn.Module:
    """Without pretrained weights: speed does not depend on them, and nothing is fetched."""
    network: nn.Module = TASKS.get(recipe.kind).untrained(recipe)[0]
    return network


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
