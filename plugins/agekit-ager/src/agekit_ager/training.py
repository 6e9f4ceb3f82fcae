"""The training of agers: two domains of faces, two generators."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from agekit.data.pool import Progress
from agekit.data.split import Faces
from agekit.registry import EVOLVERS
from agekit.training.evolver import Evolver
from agekit.training.optimize import try_training
from agekit.training.task import TrainingTask
from agekit_ager.build import build_ager
from agekit_ager.by_age import AgeEvolver, AgeTraining
from agekit_ager.domains import DOMAINS
from agekit_ager.export import export_ager
from agekit_ager.faces import DomainFaces
from agekit_ager.model import FaceAger
from agekit_ager.recipe import AgerRecipe
from agekit_ager.sample import sampled
from agekit_ager.start import start_from
from agekit_ager.trainer import AgerTrainer
from agekit_ager.trial import try_ager

__all__ = ["AgerTraining", "brief_options"]


class AgerTraining(TrainingTask[DomainFaces, AgerTrainer]):
    """Recipes of the kind ``ager``."""

    trains = FaceAger
    trainer_type = AgerTrainer

    def of(self, recipe: AgerRecipe) -> TrainingTask[Any, Any]:
        """By direction, or by age where the evolver is of that kind."""
        evolver = EVOLVERS.get(recipe.evolver.type)
        return AgeTraining() if issubclass(evolver, AgeEvolver) else self

    def select(self, recipe: AgerRecipe, faces: Faces) -> Faces:
        """With the faces drawn that `data.sample` asks for."""
        return sampled(faces, recipe.data)

    def rehearse(
        self,
        recipe: AgerRecipe,
        evolver: Evolver[Any],
        faces: Faces,
        device: torch.device,
        seed: int,
    ) -> list[str]:
        """The generators, the evolver's step, and what trains them."""
        ager = build_ager(recipe.generator, seed)
        try_ager(recipe, evolver, ager, device)
        return try_training(recipe.train, ager, None)

    def scored_with(self, recipe: AgerRecipe) -> dict[str, Any]:
        """On faces of the ages, and of the people, that it was trained on."""
        return {"domains": recipe.data.domains, "where": recipe.data.kept}

    def decode(
        self, recipe: AgerRecipe, faces: Faces, device: torch.device, progress: Progress | None
    ) -> DomainFaces:
        """Two faces of each domain, at least."""
        return DomainFaces(faces, recipe.data, device, progress=progress)

    def require(self, recipe: AgerRecipe, data: DomainFaces) -> None:
        """Nothing more."""

    def describe(self, data: DomainFaces) -> str:
        """The faces of each domain and split."""
        return (
            ", ".join(
                f"{split} {' + '.join(f'{data.count(split, d):,} {d}' for d in DOMAINS)}"
                for split in ("train", "test")
            )
            + " faces"
            + (data.faces.drawn and f" ({data.faces.drawn}, in place of the protocol's split)")
        )

    start = start_from

    def export(
        self, trainer: AgerTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """Loss curves, a sheet of faces, and the model with both directions in it."""
        return export_ager(trainer, cast(FaceAger, network), info)


def brief_options(recipe: AgerRecipe) -> tuple[str, ...]:
    """The options of a short training: two domains, where the evolver goes from one to another."""
    if isinstance(AgerTraining().of(recipe), AgeTraining):
        return ()
    return ("--domains", "20-29,50-69", "--set", "data.load_size=36")
