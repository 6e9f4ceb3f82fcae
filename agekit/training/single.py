"""The evolver of one generation: training as everybody knows it."""

from __future__ import annotations

from agekit.estimator.model import AgeEstimator
from agekit.recipe import LossTerms
from agekit.training.estimator_lab import EstimatorLab
from agekit.training.evolver import Evolver

__all__ = ["Single"]


class Single(Evolver[EstimatorLab]):
    """Trains one network.

    Args:
        losses: the loss terms.
    """

    first = "losses"

    def __init__(self, *, losses: LossTerms) -> None:
        self.losses = losses

    def run(self, lab: EstimatorLab) -> AgeEstimator:
        """One generation."""
        return lab.generation(1, self.losses)
