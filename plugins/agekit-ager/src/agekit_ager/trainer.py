"""What the evolvers of agers work with: generators, pairs of faces, one generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel

from agekit.device import seeded
from agekit.training.trainer import Trainer
from agekit_ager.build import build_ager
from agekit_ager.contact_sheet import ContactSheet
from agekit_ager.faces import DomainFaces
from agekit_ager.metrics import cycle_error
from agekit_ager.model import FaceAger
from agekit_ager.recipe import AgerRecipe

__all__ = ["AgerTrainer"]

SCORED = 64
"""How many test faces of each domain a run scores itself on."""


@dataclass(kw_only=True)
class AgerTrainer(Trainer[FaceAger]):
    """Trains an ager on the two domains of one dataset."""

    kind: ClassVar[str] = "ager"
    memory_format: ClassVar[torch.memory_format] = torch.preserve_format
    recipe: AgerRecipe
    faces: DomainFaces

    def build(self, seed: int) -> FaceAger:
        """Generators with weights of a seed."""
        return build_ager(self.recipe.generator, seed)

    def generation(
        self,
        number: int,
        make_step: Callable[[FaceAger], BaseModel],
        *,
        optimizers: Sequence[str] = (),
        hooks: Sequence[Hook] = (),
    ) -> FaceAger:
        """Trains one generation, or loads it where it is already trained.

        Args:
            number: counted from 1.
            make_step: gives what mmengine's Runner trains, on the device; what it draws from
                torch's random state depends on the seed and the generation alone.
            optimizers: the parts of the step that get an optimiser each; none: one for all of it.
            hooks: more of mmengine's hooks.
        """
        ager = self.network(number)

        def learn() -> None:
            config = self.recipe.train
            with seeded(self.seed_of(number)):
                step = make_step(ager)
            pairs = self.faces.pairs(config.batch_size, self.seed_of(number))
            folder = self.run.generation(number)
            sheet = ContactSheet(folder, ager, self.faces, config.epochs)
            self.fit(number, step, pairs, optimizers=optimizers, hooks=[sheet, *hooks])

        return self.train(number, ager, learn)

    def score(self, network: FaceAger) -> dict[str, Any]:
        """The error of there and back again on some test faces of each domain."""
        network.eval()
        return {
            "test": {
                "cycle_young": cycle_error(network, self.faces.shown("young", SCORED), "old"),
                "cycle_old": cycle_error(network, self.faces.shown("old", SCORED), "young"),
            }
        }

    def errors(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Both of them."""
        return dict(metrics["test"])
