"""The contract of evolvers: how one or more generations become a trained model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from agekit.estimator.build import build_part
from agekit.estimator.model import AgeEstimator
from agekit.recipe import LossTerm, PartConfig
from agekit.recipe.check import loss_arguments
from agekit.registry import EVOLVERS

if TYPE_CHECKING:
    from agekit.training.lab import Lab

__all__ = ["Evolver", "build_evolver"]


class Evolver(ABC):
    """The procedure that turns a recipe and a dataset into a trained model.

    A subclass takes its recipe arguments as keywords. An argument annotated ``LossTerms`` lists the
    loss terms of a generation; the core checks each of its parts.
    """

    @abstractmethod
    def run(self, lab: Lab) -> AgeEstimator:
        """Trains one generation after another with ``lab.generation`` and gives the last."""


def build_evolver(part: PartConfig) -> Evolver:
    """Builds the evolver of a recipe, its loss terms parsed."""
    terms = {
        name: [LossTerm.model_validate(term) for term in part.arguments[name]]
        for name in loss_arguments(part.model_dump())
        if name in part.arguments
    }
    evolver: Evolver = build_part(EVOLVERS, part.model_copy(update=terms))
    return evolver
