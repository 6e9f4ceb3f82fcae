"""The weighted losses of a generation, each given what it asks for by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter
from typing import Any

import torch
from torch import Tensor, nn

from agekit.culprit import Culprit
from agekit.discovery import API_VERSION
from agekit.errors import ConfigError, nearest
from agekit.recipe import LossTerm
from agekit.recipe.parts import build_part
from agekit.registry import LOSSES
from agekit.tasks.estimator.base import Loss
from agekit.tasks.estimator.target import Mixed, Target

__all__ = ["GIVEN", "Asked", "LossInputs", "Term", "build_term", "require_no_teacher"]

GIVEN: Mapping[str, str] = {
    "outputs": "raw outputs of all heads by name, (N, ...) each",
    "features": "what the backbone gives the heads, (N, F)",
    "teacher": "raw output of the same head of the generation before, (N, ...)",
    "teacher_outputs": "the same of all its heads, by name",
    "soft": "the true age as a distribution over the label ages, (N, K), mixed as the faces are",
    "mixed": "a `Mixed` where the faces of the batch are mixed in pairs, else None",
}
"""What a loss may ask for, by the name of the keyword-only argument."""
_OF_TEACHER = ("teacher", "teacher_outputs")


@dataclass(frozen=True)
class Asked:
    """The inputs that a loss asks for, read once from the signature of its `forward`.

    Attributes:
        names: keys of `GIVEN`.
        required: those that have no default.
        by_position: whether it takes the teacher's output third, as interface 1 had it.
    """

    names: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    by_position: bool = False

    @classmethod
    def by(cls, loss: type[Loss] | Loss, culprit: Culprit | None = None) -> Asked:
        """Reads the signature.

        Args:
            loss: a loss or its class.
            culprit: whose it is, for the error.

        Raises:
            ContractError: it asks for what is not given.
        """
        kind = loss if isinstance(loss, type) else type(loss)
        culprit = culprit or Culprit("loss", kind.__name__, loss)
        if kind.forward is nn.Module.forward or not callable(kind.forward):
            raise culprit.error(
                "has no method 'forward'", "give it one: forward(self, raw, target)"
            )
        parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
        names, required = [], []
        for place, one in enumerate(parameters):
            positional = one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
            if one.kind is Parameter.VAR_POSITIONAL or (positional and place < 2):
                continue
            if positional and place == 2 and one.name not in GIVEN:
                needed = getattr(kind, "needs_ancestor", False)
                return cls(("teacher",), ("teacher",) if needed else (), by_position=True)
            if one.name not in GIVEN or one.kind in (
                Parameter.VAR_KEYWORD,
                Parameter.POSITIONAL_ONLY,
            ):
                raise culprit.error(
                    f"asks for {one.name!r}, which no loss is given{nearest(one.name, GIVEN)}",
                    f"ask by name for any of {', '.join(GIVEN)}; constants belong to __init__",
                )
            names.append(one.name)
            required += [one.name] if one.default is Parameter.empty else []
        return cls(tuple(names), tuple(required))

    @property
    def learns_from_teacher(self) -> bool:
        """True if it cannot do without the generation before."""
        return any(name in self.required for name in _OF_TEACHER)

    @property
    def of_teacher(self) -> bool:
        """True if it can learn from the generation before."""
        return any(name in self.names for name in _OF_TEACHER)

    @property
    def all_heads(self) -> bool:
        """True if it sees more outputs than those of its own head."""
        return any(name in self.names for name in ("outputs", "features"))


@dataclass(frozen=True)
class LossInputs:
    """The values that a step has for its losses.

    Attributes:
        outputs: raw outputs by head, (N, ...) each.
        target: the true ages.
        features: (N, F), where a loss asks for them.
        teacher_outputs: raw outputs of the generation before by head, where it is asked.
        mixed: how the faces are mixed, if they are.
        other: the same batch with the faces that were mixed in, and what their teacher says, in
            place of the first ones.
    """

    outputs: Mapping[str, Tensor]
    target: Target
    features: Tensor | None = None
    teacher_outputs: Mapping[str, Tensor] | None = None
    mixed: Mixed | None = None
    other: LossInputs | None = None

    def given(self, name: str, head: str) -> Any:
        """The value of one of `GIVEN` for a loss of a head."""
        if name == "teacher":
            return (self.teacher_outputs or {}).get(head)
        if name == "soft":
            return self.target.soft if self.mixed is None else self.mixed.soft(self.target)
        return getattr(self, name)


@dataclass(frozen=True)
class Term:
    """One weighted loss on one head."""

    name: str
    head: str
    weight: float
    loss: Loss
    asked: Asked = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", Asked.by(self.loss))

    def __call__(self, inputs: LossInputs) -> Tensor:
        """The weighted loss, a scalar.

        Of mixed faces it is the mean of the losses for the one true age and for the other, by
        their shares (arXiv 1710.09412), unless the loss itself asks for `mixed` or `soft`.

        Raises:
            ConfigError: the loss cannot take what the head gives.
        """
        try:
            value = self.weight * self.value(inputs)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            raise ConfigError(
                f"the loss {self.name!r} cannot take the output of the head {self.head!r}, of "
                f"shape {tuple(inputs.outputs[self.head].shape)}: {error}",
                "give it a head that it is made for",
            ) from error
        return value

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss without its weight."""
        mixes = "mixed" in self.asked.names or "soft" in self.asked.names
        if inputs.mixed is None or inputs.other is None or mixes:
            return self._plain(inputs)
        share = inputs.mixed.share
        return share * self._plain(inputs) + (1 - share) * self._plain(inputs.other)

    def sees(self, inputs: LossInputs) -> list[Tensor]:
        """The tensors of the network in training that the loss gets."""
        seen = [inputs.outputs[self.head]]
        if "features" in self.asked.names and inputs.features is not None:
            seen.append(inputs.features)
        if "outputs" in self.asked.names:
            seen += [raw for head, raw in inputs.outputs.items() if head != self.head]
        return seen

    def _plain(self, inputs: LossInputs) -> Tensor:
        raw = inputs.outputs[self.head]
        given = {name: inputs.given(name, self.head) for name in self.asked.names}
        loss: Callable[..., Tensor] = self.loss
        if self.asked.by_position:
            return loss(raw, inputs.target, *given.values())
        return loss(raw, inputs.target, **given)


def build_term(term: LossTerm, name: str | None = None) -> Term:
    """Builds the loss of one term of a recipe.

    Args:
        term: as the recipe has it.
        name: what it is called in logs; else its type.

    Raises:
        ContractError: it cannot be built, or asks for what is not given.
    """
    entry = LOSSES.find(term.type)
    loss: Loss = build_part(LOSSES, term)
    culprit = Culprit("loss", term.type, loss)
    built = Term(name or term.type, term.head, term.weight, loss)
    if built.asked.by_position and entry.api >= API_VERSION:
        raise culprit.error(
            "takes a third argument by position, as plugin interface 1 had it; version "
            f"{entry.api}, which its package declares, gives it by name",
            "write forward(self, raw, target, *, teacher), or teacher=None where it may lack",
        )
    return built


def require_no_teacher(term: LossTerm, generation: str) -> None:
    """Makes sure that a loss can train a generation that has no generation before it.

    Args:
        term: of the recipe.
        generation: what to call the generation.

    Raises:
        ContractError: it learns from one.
    """
    culprit = Culprit("loss", term.type)
    if Asked.by(LOSSES.get(term.type), culprit).learns_from_teacher:
        raise culprit.error(
            f"learns from an ancestor, and {generation} has none",
            "use it in the terms of the offspring, or take a loss that needs no ancestor",
        )
