"""The evolver of gender classifiers: one generation."""

from __future__ import annotations

from typing import ClassVar

from agekit.plugin import Evolver
from agekit_gender.model import GenderClassifier
from agekit_gender.trainer import GenderTrainer

__all__ = ["GenderEvolver"]


class GenderEvolver(Evolver[GenderTrainer]):
    """Trains one network."""

    kind: ClassVar[str] = "gender"

    def run(self, trainer: GenderTrainer) -> GenderClassifier:
        """One generation."""
        return trainer.generation(1)
