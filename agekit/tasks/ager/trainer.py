"""What the evolvers of agers work with: generators, pairs of faces, one generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from agekit.tasks.ager.build import build_ager
from agekit.tasks.ager.faces import DomainFaces
from agekit.tasks.ager.metrics import cycle_error
from agekit.tasks.ager.model import FaceAger
from agekit.tasks.ager.recipe import AgerRecipe
from agekit.training.trainer import Trainer

__all__ = ["AgerTrainer"]

SCORED = 64
"""How many test faces of each domain a run scores itself on."""


@dataclass(kw_only=True)
class AgerTrainer(Trainer):
    """Trains an ager on the two domains of one dataset.

    Attributes:
        recipe: what to train.
        faces: what to train on.
        initial: weights of both generators to start from, by name; those that fit are taken.
    """

    kind: ClassVar[str] = "ager"
    recipe: AgerRecipe
    faces: DomainFaces
    initial: Mapping[str, Tensor] | None = None

    def ager(self, generation: int = 1) -> FaceAger:
        """The untrained generators, on the device."""
        ager = build_ager(self.recipe.generator, self.seed_of(generation))
        if self.initial is not None:
            ager.load_state_dict(dict(self.initial), strict=False)
        return ager.to(self.device)

    def folder(self, generation: int) -> Path:
        """The generation's folder, made if need be."""
        folder = self.run.generation(generation)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def trained(self, generation: int) -> FaceAger | None:
        """The generators of a generation that is finished already, or None."""
        ager = self.ager(generation)
        return None if self.load(generation, ager) is None else ager

    def finish(self, generation: int, ager: FaceAger) -> None:
        """Scores trained generators and keeps them."""
        errors = self._score(ager)
        self.must_be_finite(generation, errors)
        metrics: dict[str, Any] = {"generation": generation, "test": errors}
        self.keep(generation, ager, metrics)

    def _score(self, ager: FaceAger) -> dict[str, Any]:
        ager.eval()
        return {
            "cycle_young": cycle_error(ager, self.faces.shown("young", SCORED), "old"),
            "cycle_old": cycle_error(ager, self.faces.shown("old", SCORED), "young"),
        }
