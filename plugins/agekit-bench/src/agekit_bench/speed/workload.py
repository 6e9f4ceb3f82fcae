"""What `agekit bench speed` times: one training step, or one inference, of a recipe or a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from agekit_ager.build import build_ager, load_ager
from agekit_ager.model import FaceAger
from agekit_ager.recipe import AgerRecipe
from torch import Tensor, nn

from agekit.data.loader import Batch
from agekit.errors import ConfigError, UnknownNameError
from agekit.recipe import LossTerm, Recipe, resolve
from agekit.recipe.parts import loss_arguments
from agekit.recipe_names import resolve_recipe_name
from agekit.tasks.estimator.build import build_estimator, load_estimator
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.step import EstimatorStep
from agekit.tasks.estimator.terms import build_term
from agekit.training.optimize import optim_wrapper
from agekit.zoo.folder import read_config
from agekit.zoo.locate import is_model, locate

__all__ = ["Inference", "Phase", "Training", "Workload", "untrained", "workloads"]

Phase = Literal["train", "infer"]
Network = AgeEstimator | FaceAger
_AGES = (0, 100)
_OF_RECIPES = "it is a model, and training is measured of recipes"
_NO_LOSSES = "its evolver lists no losses of estimators"


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
    def prepare(self, batch: int, device: torch.device) -> tuple[Callable[[], object], int]:
        """Builds it, with a batch of noise that is on the device already.

        Gives a function that does it once, and the number of parameters of the network.
        """

    def _images(self, batch: int, device: torch.device) -> Tensor:
        return torch.randn(batch, 3, self.size, self.size, device=device).clamp_(-1, 1)


@dataclass(frozen=True)
class Training(Workload):
    """Forward and backward pass and update of the first generation; no data is loaded.

    Attributes:
        recipe: what is trained; its optimiser and losses.
        terms: the losses of its first generation.
    """

    phase = "train"
    smallest = 2

    recipe: EstimatorRecipe
    terms: tuple[LossTerm, ...]

    def prepare(self, batch: int, device: torch.device) -> tuple[Callable[[], object], int]:
        """The step that ``agekit train`` takes."""
        network = build_estimator(self.recipe, _AGES, 0).to(device)
        network.to(memory_format=torch.channels_last)
        if self.recipe.train.compile:
            network.compile()
        terms = [build_term(term, f"{index}-{term.type}") for index, term in enumerate(self.terms)]
        step = EstimatorStep(network, terms, None, self.dtype).to(device).train()
        wrapper = optim_wrapper(self.recipe.train, step)
        faces = Batch(
            self._images(batch, device).to(memory_format=torch.channels_last),
            torch.linspace(float(_AGES[0]), float(_AGES[1]), batch, device=device),
            torch.full((batch,), torch.nan, device=device),
            torch.arange(batch, device=device),
        )
        return lambda: step.train_step(faces, wrapper), _parameters(network)


@dataclass(frozen=True)
class Inference(Workload):
    """From normalised images to ages, the mirror images included where the model looks at them.

    Of an ager: from young faces to old ones.

    Attributes:
        build: makes the network on a device.
    """

    phase = "infer"

    build: Callable[[torch.device], Network]

    def prepare(self, batch: int, device: torch.device) -> tuple[Callable[[], object], int]:
        """What prediction asks of the network."""
        network = self.build(device).eval()
        images = self._images(batch, device)

        @torch.no_grad()
        def run() -> object:
            with torch.autocast(
                device.type, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None
            ):
                if isinstance(network, FaceAger):
                    return network(images, "old")
                raw = network.forward_tta(images)
            return network.estimate(raw)

        part = network.old if isinstance(network, FaceAger) else network
        return run, _parameters(part)


def workloads(
    name: str,
    phases: tuple[Phase, ...] = (),
    *,
    size: int | None = None,
    preset: str | None = None,
    dtype: torch.dtype | None = None,
) -> list[Workload]:
    """What can be timed of a model or a recipe; of a model that is its inference.

    A name of both is the recipe, unless inference alone is asked for.

    Args:
        name: a model as `agekit.zoo.locate.locate` takes it, or a recipe with its backbone.
        phases: which; none is all there are.
        size: side of the images in pixels, in place of its own.
        preset: of the recipe.
        dtype: of autocast; None computes in float32.

    Raises:
        ConfigError: it is neither, or it cannot be trained and only that was asked for.
        ModelError: the model's files are damaged.
    """
    if is_model(name) and not (_is_recipe(name) and phases != ("infer",)):
        if phases and "infer" not in phases:
            raise ConfigError(
                f"the training of {name} cannot be measured: {_OF_RECIPES}",
                "name the recipe it was trained by, or measure --infer",
            )
        return [_of_model(name, size, dtype)]
    overrides = [] if size is None else [f"data.size={size}"]
    recipe = _from_new_weights(resolve(name, preset=preset, overrides=overrides).recipe)
    found: list[Workload] = []
    if isinstance(recipe, EstimatorRecipe) and "train" in (phases or ("train",)):
        terms = _first_terms(recipe)
        if terms:
            found.append(Training(name, "recipe", recipe.data.size, dtype, recipe, terms))
    if "infer" in (phases or ("infer",)):
        found.append(Inference(name, "recipe", recipe.data.size, dtype, _builder(recipe)))
    if not found:
        raise ConfigError(
            f"the training of {name} cannot be measured: {_NO_LOSSES}",
            "measure --infer",
        )
    return found


def untrained(found: Sequence[Workload]) -> str:
    """Why none of the `workloads` of a name is of training; "" where one is."""
    if any(one.phase == "train" for one in found):
        return ""
    return _OF_RECIPES if any(one.kind == "model" for one in found) else _NO_LOSSES


def _is_recipe(name: str) -> bool:
    try:
        resolve_recipe_name(name)
    except UnknownNameError:
        return False
    return True


def _of_model(name: str, size: int | None, dtype: torch.dtype | None) -> Inference:
    folder = locate(name)
    config = read_config(folder)

    def build(device: torch.device) -> Network:
        if isinstance(config, EstimatorConfig):
            return load_estimator(folder, device)[0]
        return load_ager(folder, device)[0]

    return Inference(name, "model", size or config.image.size, dtype, build)


def _builder(recipe: Recipe) -> Callable[[torch.device], Network]:
    def build(device: torch.device) -> Network:
        if isinstance(recipe, AgerRecipe):
            return build_ager(recipe.generator, 0).to(device)
        assert isinstance(recipe, EstimatorRecipe)
        return build_estimator(recipe, _AGES, 0).to(device)

    return build


def _from_new_weights(recipe: Recipe) -> Recipe:
    """The recipe without pretrained weights: speed does not depend on them, nothing is fetched."""
    if not isinstance(recipe, EstimatorRecipe) or "pretrained" not in recipe.backbone.arguments:
        return recipe
    backbone = recipe.backbone.model_copy(update={"pretrained": False})
    return recipe.model_copy(update={"backbone": backbone})


def _first_terms(recipe: EstimatorRecipe) -> tuple[LossTerm, ...]:
    """The loss terms of the first generation: those of the evolver's first list of them."""
    for key in loss_arguments(recipe.evolver.model_dump()):
        terms = tuple(LossTerm.model_validate(t) for t in recipe.evolver.arguments.get(key, ()))
        if terms:
            return terms
    return ()


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
