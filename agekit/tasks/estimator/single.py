"""The evolver of one generation: training as everybody knows it."""

from __future__ import annotations

from agekit.recipe import LossTerms
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.trainer import EstimatorTrainer
from agekit.training.evolver import Evolver

__all__ = ["Single"]


class Single(Evolver[EstimatorTrainer]):
    """Trains one network.

    Args:
        losses: the loss terms.
    """

    first = "losses"

    def __init__(self, *, losses: LossTerms) -> None:
        self.losses = losses

    def run(self, trainer: EstimatorTrainer) -> AgeEstimator:
        """One generation."""
        return trainer.generation(1, self.losses)
