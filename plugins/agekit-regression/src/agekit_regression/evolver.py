"""The evolver of regression forests: gradients for the network, a fit for the leaves."""

from __future__ import annotations

from agekit.errors import ConfigError
from agekit.plugin import AgeEstimator, EstimatorTrainer, Evolver, LossTerms
from agekit_regression.leaf_hook import LeafUpdates

__all__ = ["Forest"]


class Forest(Evolver[EstimatorTrainer]):
    """Trains one network whose `forest` heads learn their leaves apart (arXiv 1712.07195).

    The leaves start as the k-means clusters of the training ages.

    Args:
        losses: the loss terms.
        every: batches from one fit of the leaves to the next; it is to those batches.
        iterations: of a fit.
        min_sigma: its square is added to each fitted variance, years.
    """

    first = "losses"

    def __init__(
        self,
        *,
        losses: LossTerms,
        every: int = 50,
        iterations: int = 20,
        min_sigma: float = 0.035,
    ) -> None:
        if every < 1 or iterations < 1:
            raise ConfigError(
                f"evolver: every and iterations must be at least 1 (got {every} and {iterations})"
            )
        if not min_sigma > 0:
            raise ConfigError(f"evolver.min_sigma: must be above 0 years (got {min_sigma})")
        self.losses = losses
        self.every = every
        self.iterations = iterations
        self.min_sigma = min_sigma

    def run(self, trainer: EstimatorTrainer) -> AgeEstimator:
        """One generation."""
        suffix = ".mean"
        given = {
            name.removeprefix("heads.").removesuffix(suffix)
            for name in trainer.initial or ()
            if name.startswith("heads.") and name.endswith(suffix)
        }
        updates = LeafUpdates(
            every=self.every,
            iterations=self.iterations,
            min_sigma=self.min_sigma,
            age=trainer.faces.age("train"),
            given=frozenset(given),
        )
        return trainer.generation(1, self.losses, hooks=[updates])
