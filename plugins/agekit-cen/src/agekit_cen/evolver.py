"""The coupled evolver: ancestor, offspring, and on, as CEN (arXiv 1809.07447) trains them."""

from __future__ import annotations

from typing import Literal

from agekit.errors import ConfigError
from agekit.plugin import AgeEstimator, EstimatorTrainer, Evolver, LossTerms

__all__ = ["Coupled"]


class Coupled(Evolver[EstimatorTrainer]):
    """Trains T generations, each learning from the one before.

    Args:
        ancestor: the loss terms of generation 1 (eq. 14).
        offspring: the loss terms of generations 2..T (eq. 15).
        generations: T.
        outputs: the ancestor's outputs are ``stored`` once a generation, on the training faces as
            they are, or recomputed ``online`` on each augmented view.
        start: where an offspring's weights start: ``afresh`` as generation 1 did (new, or from
            ``--init``), or from the ``ancestor``'s.
    """

    first = "ancestor"

    def __init__(
        self,
        *,
        ancestor: LossTerms,
        offspring: LossTerms,
        generations: int = 3,
        outputs: Literal["stored", "online"] = "stored",
        start: Literal["afresh", "ancestor"] = "afresh",
    ) -> None:
        if generations < 1:
            raise ConfigError(f"evolver.generations: must be at least 1 (got {generations})")
        self.ancestor = ancestor
        self.offspring = offspring
        self.generations = generations
        self.outputs = outputs
        self.start = start

    def run(self, trainer: EstimatorTrainer) -> AgeEstimator:
        """Generation 1, then each offspring from its ancestor; gives the last."""
        network = trainer.generation(1, self.ancestor)
        for number in range(2, self.generations + 1):
            network = trainer.generation(
                number,
                self.offspring,
                ancestor=network,
                online=self.outputs == "online",
                inherit=self.start == "ancestor",
            )
        return network
