"""The contract of evolvers: how one or more generations become a trained model."""

from __future__ import annotations

import ast
import inspect
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from torch import Tensor, nn

from agekit.culprit import Culprit
from agekit.errors import ConfigError, ModelError
from agekit.recipe import LossTerm, PartConfig
from agekit.recipe.parts import build_part, loss_arguments
from agekit.registry import EVOLVERS

if TYPE_CHECKING:
    import torch

    from agekit.data.alignment import Alignment
    from agekit.training.trainer import Trainer

__all__ = ["Evolver", "build_evolver"]

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
L = TypeVar("L", bound="Trainer[Any]")


class Evolver(ABC, Generic[L]):
    """The procedure that turns a recipe and a dataset into a trained model.

    What it works with is the trainer of its task, such as `EstimatorTrainer`; `kind` says which
    task it is for.

    A subclass takes its recipe arguments as keywords. An argument annotated ``LossTerms`` lists the
    loss terms of a generation; the core checks each of its parts.
    """

    kind: ClassVar[str] = "estimator"
    passes: ClassVar[int] = 1
    """How often a step sends each face through the network that an inference runs."""
    first: ClassVar[str] = ""
    """The argument that lists the terms of generation 1, which has no ancestor."""

    @abstractmethod
    def run(self, trainer: L) -> nn.Module:
        """Trains one generation after another and gives the network of the last."""

    def rehearse(self, recipe: Any, network: Any, device: torch.device) -> None:
        """Tries what is the evolver's own on a few images, before a run is made.

        What it raises ends the command. Agers are tried by it, a step of their training; without it
        nothing is tried but the generators.

        Args:
            recipe: what is to be trained.
            network: new, on the device; it is thrown away afterwards.
            device: where.
        """

    def frame(self) -> Alignment | None:
        """Where faces have to lie for networks that it learns from; None where it has none."""
        return None

    def facts(self) -> dict[str, Any]:
        """What ``run.json`` and the model say of such networks, plain data.

        ``teachers``, a list of mappings with ``name`` and ``weights_sha256``, stands on its card.
        A run whose facts are others than when it began does not go on.
        """
        return {}

    def initial(self, path: Path) -> dict[str, Tensor]:
        """The weights in a file of a foreign format, for ``--init``, by the network's names.

        Raises:
            ModelError: they cannot be read, or are of another network.
        """
        raise ModelError(
            f"there is no model {str(path)!r}: neither a model folder, nor a run folder, nor a "
            "name of the zoo"
        )


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
    culprit = Culprit("evolver", part.type, evolver, "run")
    asked = "define run(self, trainer), which gives the network of the last generation"
    try:
        inspect.signature(evolver.run).bind(None)
    except TypeError as error:
        raise culprit.error(f"cannot be run: {error}", asked) from error
    if _gives_nothing(type(evolver).run):
        raise culprit.error("returns nothing from its run", asked)
    if evolver.kind != kind:
        raise ConfigError(
            f"the evolver {part.type!r} is for recipes of the kind {evolver.kind!r}, and this one "
            f"is of the kind {kind!r}"
        )
    return evolver


def _gives_nothing(function: Callable[..., Any]) -> bool:
    """True if the source of a function is known, and returns no value anywhere."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    if not isinstance(tree, ast.FunctionDef):
        return False
    inner = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS) and node is not tree]
    theirs = {id(node) for one in inner for node in ast.walk(one)}
    own = [node for node in ast.walk(tree) if id(node) not in theirs]
    values = [n.value for n in own if isinstance(n, ast.Return)]
    given = any(v is not None and ast.unparse(v) != "None" for v in values)
    return not given and not any(isinstance(n, ast.Raise) for n in own)
