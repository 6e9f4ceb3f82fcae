"""The contract of evolvers: how one or more generations become a trained model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from torch import Tensor, nn

from agekit.errors import ConfigError, ModelError
from agekit.recipe import LossTerm, PartConfig
from agekit.recipe.check import loss_arguments
from agekit.recipe.parts import build_part
from agekit.registry import EVOLVERS

if TYPE_CHECKING:
    from agekit.training.lab import Lab

__all__ = ["Evolver", "build_evolver"]


L = TypeVar("L", bound="Lab")


class Evolver(ABC, Generic[L]):
    """The procedure that turns a recipe and a dataset into a trained model.

    What it works with is its lab: `EstimatorLab` for the recipes of estimators, `AgerLab` for
    those of agers; `kind` says for which it is.

    A subclass takes its recipe arguments as keywords. An argument annotated ``LossTerms`` lists the
    loss terms of a generation; the core checks each of its parts.
    """

    kind: ClassVar[Literal["estimator", "ager"]] = "estimator"

    @abstractmethod
    def run(self, lab: L) -> nn.Module:
        """Trains one generation after another and gives the network of the last."""

    def initial(self, path: Path) -> dict[str, Tensor]:
        """The weights in a file of a foreign format, for ``--init``, by the network's names.

        Raises:
            ModelError: they cannot be read, or are of another network.
        """
        raise ModelError(
            f"there is no model {str(path)!r}: neither a model folder, nor a run folder, nor a "
            "name of the zoo"
        )

    def weights(self, path: Path) -> dict[str, Tensor]:
        """As `initial`, for ``agekit convert``: all weights, also what no recipe starts from.

        Raises:
            ModelError: see `initial`.
        """
        return self.initial(path)


def build_evolver(part: PartConfig, kind: str = "estimator") -> Evolver[Any]:
    """Builds the evolver of a recipe, its loss terms parsed.

    Raises:
        ConfigError: it does not take these arguments, or is for recipes of another kind.
    """
    terms = {
        name: [LossTerm.model_validate(term) for term in part.arguments[name]]
        for name in loss_arguments(part.model_dump())
        if name in part.arguments
    }
    evolver: Evolver[Any] = build_part(EVOLVERS, part.model_copy(update=terms))
    if evolver.kind != kind:
        raise ConfigError(
            f"the evolver {part.type!r} is for recipes of the kind {evolver.kind!r}, and this one "
            f"is of the kind {kind!r}"
        )
    return evolver
