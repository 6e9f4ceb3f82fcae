"""The evolvers: ancestor, offspring, and on, as CEN (arXiv 1809.07447) trains them; or teachers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from agekit.errors import ConfigError
from agekit.plugin import AgeEstimator, Alignment, Batch, EstimatorTrainer, Evolver, LossTerms
from agekit_cen.teachers import MeanTeacher, Teachers

__all__ = ["Coupled", "Taught"]


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


class Taught(Evolver[EstimatorTrainer]):
    """Trains one generation whose ancestor is the mean of several trained models.

    They may be of other backbones, heads, image sizes, means and seeds. Faces are shown in the
    frame that they were trained on.

    Args:
        offspring: the loss terms (eq. 15).
        teachers: estimators: names of the zoo or of the Hub, model or run folders.
        outputs: what they say is ``stored`` once, of the training faces as they are, decoded at
            each one's own size; or asked ``online`` of each augmented view, resized for each.
    """

    def __init__(
        self,
        *,
        offspring: LossTerms,
        teachers: Sequence[str],
        outputs: Literal["stored", "online"] = "stored",
    ) -> None:
        if not teachers or isinstance(teachers, str):
            raise ConfigError(
                "evolver.teachers: must be a list of at least one model",
                "such as [sord-mobilenet1, sord-lite0]",
            )
        self.offspring = offspring
        self.teachers = Teachers(teachers)
        self.outputs = outputs

    def frame(self) -> Alignment | None:
        """That of the teachers."""
        return self.teachers.frame()

    def facts(self) -> dict[str, Any]:
        """Their names, and the hashes of their weights."""
        return {"teachers": self.teachers.facts()}

    def rehearse(self, recipe: Any, network: AgeEstimator, device: torch.device) -> None:
        """Asks each of them about a few images of noise."""
        teacher = self._teacher(recipe, network, device)
        images = torch.randn(2, 3, recipe.data.size, recipe.data.size, device=device)
        age = torch.full((2,), float(network.ages[0]), device=device)
        teacher(Batch(images, age, torch.full_like(age, torch.nan), torch.arange(2)))

    def run(self, trainer: EstimatorTrainer) -> AgeEstimator:
        """One generation."""
        for line in self.teachers.notes(trainer):
            trainer.display.line(line)
        student = trainer.build(0).to(trainer.device)
        teacher = self._teacher(trainer.recipe, student, trainer.device)
        if self.outputs == "online":
            return trainer.generation(1, self.offspring, teacher=teacher)
        return trainer.generation(1, self.offspring, outputs=lambda: teacher.stored(trainer))

    def _teacher(self, recipe: Any, student: AgeEstimator, device: torch.device) -> MeanTeacher:
        loaded = self.teachers.load(device)
        return MeanTeacher(self.teachers, loaded, student, self.offspring, recipe.data)
