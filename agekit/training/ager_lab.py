"""What the evolvers of agers work with: generators, pairs of faces, one generation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor

from agekit.ager.build import build_ager
from agekit.ager.metrics import cycle_error
from agekit.ager.model import FaceAger
from agekit.atomic import write_bytes, write_text
from agekit.device import rank_and_world
from agekit.recipe import AgerRecipe
from agekit.training.domain_faces import DomainFaces
from agekit.training.lab import Generation, Lab

__all__ = ["AgerLab"]

SCORED = 64
"""How many test faces of each domain a run scores itself on."""


@dataclass(kw_only=True)
class AgerLab(Lab):
    """Trains an ager on the two domains of one dataset.

    Attributes:
        recipe: what to train.
        faces: what to train on.
        initial: weights of both generators to start from, by name; those that fit are taken.
    """

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
        if not self.run.is_finished(generation):
            return None
        ager, folder = self.ager(generation), self.folder(generation)
        ager.load_state_dict(load_file(folder / "model.safetensors"))
        self.found(generation, json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
        return ager

    def finish(self, generation: int, ager: FaceAger) -> None:
        """Scores trained generators and keeps them."""
        metrics: dict[str, Any] = {"generation": generation, "test": self._score(ager)}
        if rank_and_world()[0] == 0:
            folder = self.folder(generation)
            weights = {k: v.contiguous().cpu() for k, v in ager.state_dict().items()}
            write_bytes(folder / "model.safetensors", save(weights))
            write_text(folder / "metrics.json", json.dumps(metrics, indent=1))
            self.run.finish(generation)
        self.finished.append(Generation(generation, metrics))

    def _score(self, ager: FaceAger) -> dict[str, Any]:
        ager.eval()
        return {
            "cycle_young": cycle_error(ager, self.faces.shown("young", SCORED), "old"),
            "cycle_old": cycle_error(ager, self.faces.shown("old", SCORED), "young"),
        }
