"""Agers that go by age: their evolvers' contract, and the training of them on faces of all ages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from rich.console import Console
from torch import nn

from agekit.culprit import Culprit
from agekit.data.alignment import Alignment
from agekit.data.pool import Progress
from agekit.data.split import Faces
from agekit.data.table import SPLITS
from agekit.device import seeded
from agekit.errors import ConfigError
from agekit.tasks.generator import Generator
from agekit.training.demands import check, own_random
from agekit.training.evolver import Evolver, build_evolver
from agekit.training.export import export_model
from agekit.training.faces import TrainingFaces
from agekit.training.optimize import try_training
from agekit.training.task import TrainingTask
from agekit.training.trainer import Trainer
from agekit.zoo.index import find_model
from agekit_ager.build import build_network
from agekit_ager.domains import rows_where
from agekit_ager.metrics import age_errors
from agekit_ager.model import MovingGenerator
from agekit_ager.recipe import AgerRecipe
from agekit_ager.start import network_image, start_from

__all__ = ["AgeEvolver", "AgeTrainer", "AgeTraining"]

SCORED = 64
"""How many faces a run scores itself on."""
JUDGED = ((20.0, 30.0), (55.0, 65.0))
"""The ages of the faces on which a suite scores one, made as old as the others."""
_PAIRED = ("domains", "sample", "load_size")
"""Keys of ``data`` that only two domains have a use for."""


@dataclass(kw_only=True)
class AgeTrainer(Trainer[Generator]):
    """Trains a generator that takes ages, on the faces of one dataset.

    An evolver trains it step by step with `generation`, or makes it otherwise, as of statistics:
    ``trainer.train(1, network, lambda: fill(network))`` with ``network = trainer.network(1)``.

    Attributes:
        recipe: what to train.
        faces: what to train on: ``training_loader(batch_size, seed)`` gives batches of images
            (N, 3, S, S) from -1 to 1 with ages, ``pixels``, ``age`` and ``rows`` the faces of a
            split, and ``faces.table`` what is known of each row.
    """

    kind: ClassVar[str] = "ager"
    memory_format: ClassVar[torch.memory_format] = torch.channels_last
    recipe: AgerRecipe
    faces: TrainingFaces

    @property
    def ages(self) -> tuple[float, float]:
        """The first and the last age of the training faces, years."""
        age = self.faces.age("train")
        return float(age.min()), float(age.max())

    def build(self, seed: int) -> Generator:
        """A generator with weights of a seed."""
        return cast(Generator, build_network(self.recipe.generator, seed))

    def generation(
        self,
        number: int,
        make_step: Callable[[Generator], BaseModel],
        *,
        optimizers: Sequence[str] = (),
        hooks: Sequence[Hook] = (),
    ) -> Generator:
        """Trains one generation by steps, or loads it where it is already trained.

        Args:
            number: counted from 1.
            make_step: gives what mmengine's Runner trains, on the device, on `Batch`es.
            optimizers: the parts of the step that get an optimiser each; none: one for all of it.
            hooks: more of mmengine's hooks.
        """
        ager = self.network(number)

        def learn() -> None:
            seed = self.seed_of(number)
            with seeded(seed):
                step = make_step(ager)
            batches = self.faces.training_loader(self.recipe.train.batch_size, seed)
            self.fit(number, step, batches, optimizers=optimizers, hooks=hooks)

        return self.train(number, ager, learn)

    def score(self, network: Generator) -> dict[str, Any]:
        """How far faces come back from another age, and change at their own."""
        network.eval()
        split = "test" if self.faces.has("test") else "train"
        count = len(self.faces.rows(split))
        rows = np.unique(np.linspace(0, count - 1, SCORED).round().astype(int)).tolist()
        [batch] = self.faces.sample(split, rows)
        return {"test": age_errors(network, batch.images, batch.age, self.ages)}

    def errors(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Both of them."""
        return dict(metrics["test"])


class AgeEvolver(Evolver[AgeTrainer]):
    """Makes an ager that goes by age: its `run` gives a generator that takes ages.

    It needs no two domains: what it learns from are faces with their ages. Recipes of it name such
    a generator.
    """

    kind: ClassVar[str] = "ager"
    guide: str | None = None
    """The estimator of the zoo by which the ager is steered at use; see `agekit_ager.steering`."""

    def select(self, faces: Faces) -> Faces:
        """The faces to decode and to learn from; all of them, unless it needs fewer."""
        return faces


class AgeTraining(TrainingTask[TrainingFaces, AgeTrainer]):
    """Recipes of the kind ``ager`` whose evolver is an `AgeEvolver`."""

    trains = Generator
    trainer_type = AgeTrainer

    def select(self, recipe: AgerRecipe, faces: Faces) -> Faces:
        """The faces of the gender and group that `data.where` keeps."""
        data = recipe.data
        if idle := [key for key in _PAIRED if getattr(data, key) is not None]:
            raise ConfigError(
                f"data.{idle[0]} is of agers that go from one domain to another; "
                f"{recipe.evolver.type!r} learns from faces of all ages",
                f"leave it out{'; --domains is data.domains' if idle[0] == 'domains' else ''}",
            )
        kept = rows_where(faces.table, data.kept)
        faces = replace(faces, codes=np.where(kept, faces.codes, -1).astype(faces.codes.dtype))
        return cast(AgeEvolver, build_evolver(recipe.evolver, recipe.kind)).select(faces)

    def scored_with(self, recipe: AgerRecipe) -> dict[str, Any]:
        """On young and on old faces, of the people that it was trained on."""
        return {"domains": JUDGED, "where": recipe.data.kept}

    def frame(self, recipe: AgerRecipe) -> Alignment | None:
        """That of the generator."""
        return cast(Generator, build_network(recipe.generator)).frame

    def rehearse(
        self,
        recipe: AgerRecipe,
        evolver: Evolver[Any],
        faces: Faces,
        device: torch.device,
        seed: int,
    ) -> list[str]:
        """The generator on noise, the evolver, and what trains weights, if there are any."""
        network = build_network(recipe.generator, seed)
        part = recipe.generator.type
        culprit = Culprit("generator", part, network)
        if not isinstance(network, Generator):
            raise ConfigError(
                f"the evolver {recipe.evolver.type!r} makes agers that go by age, and the "
                f"generator {part!r} goes one way",
                "choose a generator that takes ages",
            )
        size = recipe.data.size
        with own_random(device):
            images = (torch.rand(2, 3, size, size) * 2 - 1).to(device)
            age = torch.tensor([20.0, 60.0], device=device)
            with culprit.doing(f"cannot take images of {size} x {size} pixels"), torch.no_grad():
                made = network.to(device)(images, age, age.flip(0))
            check(culprit, "faces", made, tuple(images.shape))
            with Culprit("evolver", recipe.evolver.type, evolver, "rehearse").doing("cannot train"):
                evolver.rehearse(recipe, network, device)
        return try_training(recipe.train, network, None) if list(network.parameters()) else []

    def prepare(
        self,
        recipe: AgerRecipe,
        faces: Faces,
        device: torch.device,
        console: Console | None,
        seed: int,
    ) -> TrainingFaces:
        """As any training, on faces that are kept as large as they are shown."""
        data = recipe.data.model_copy(update={"load_size": recipe.data.size})
        recipe = recipe.model_copy(update={"data": data})
        return super().prepare(recipe, faces, device, console, seed)

    def decode(
        self, recipe: AgerRecipe, faces: Faces, device: torch.device, progress: Progress | None
    ) -> TrainingFaces:
        """Whole faces, from -1 to 1."""
        return TrainingFaces(faces, recipe.data.faces, device, progress=progress)

    def describe(self, data: TrainingFaces) -> str:
        """How many faces each split has."""
        counts = ", ".join(f"{s} {data.counts[s]:,}" for s in SPLITS if data.has(s))
        return f"{counts} faces{data.faces.drawn and f' ({data.faces.drawn})'}"

    start = start_from

    def export(
        self, trainer: AgeTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """The model folder, with the ages of the training as far as the generator tells them."""
        first, last = trainer.ages
        if isinstance(network, MovingGenerator) and network.reach is not None:
            first, last = max(first, network.reach[0]), min(last, network.reach[1])
        guide = cast(AgeEvolver, build_evolver(trainer.recipe.evolver, trainer.recipe.kind)).guide
        if guide is not None and find_model(guide) is None:
            trainer.display.line(f"  {guide} is none of the zoo: the model is not steered by it")
            guide = None
        return export_model(
            trainer,
            network,
            info,
            trainer.faces.counts,
            generator=trainer.recipe.generator,
            image=network_image(trainer.recipe),
            ages=(first, last),
            guide=guide,
        )
