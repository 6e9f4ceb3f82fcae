"""One batch through every part of a recipe before a run is made: forward, losses, backward.

What it draws it draws from numbers of its own, so that a run goes as it would without a trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agekit.culprit import Culprit
from agekit.data.split import Faces
from agekit.device import autocast_dtype
from agekit.discovery import API_VERSION
from agekit.errors import ConfigError
from agekit.recipe import LossTerm
from agekit.recipe.parts import loss_arguments
from agekit.registry import LOSSES
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.estimate import Estimate
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.step import EstimatorStep
from agekit.tasks.estimator.target import Target
from agekit.tasks.estimator.terms import Asked, LossInputs, Term, build_term, require_no_teacher
from agekit.training.demands import (
    check,
    check_gradients,
    flows,
    kind_of,
    own_random,
    untouched,
)
from agekit.training.evolver import Evolver
from agekit.training.faces import try_augmentations
from agekit.training.optimize import try_training

__all__ = ["Trial", "try_estimator"]

_FACES = 4


def try_estimator(
    recipe: EstimatorRecipe,
    evolver: Evolver[Any],
    faces: Faces,
    device: torch.device,
    seed: int,
    watched: str | None = None,
) -> list[str]:
    """Trains every generation's loss terms on noise, with the ages of some of the faces.

    Args:
        recipe: what is to be trained.
        evolver: its evolver, built.
        faces: what it is to be trained on.
        device: where.
        seed: of the weights.
        watched: what a hook may monitor.

    Returns:
        What a person should know, a line each.

    Raises:
        ContractError: a part does not do what its kind asks of it.
        ConfigError: the parts do not fit together.
        DataError: there is no face to train on.
    """
    rows = faces.rows("train")
    age = faces.table.age[rows]
    low, high = round(float(age.min())), round(float(age.max()))
    network = build_estimator(recipe, recipe.data.ages or (low, max(high, low + 1)), seed)
    some = np.linspace(0, len(rows) - 1, min(_FACES, recipe.train.batch_size)).round().astype(int)
    with own_random(device):
        images = torch.randn(len(some), 3, recipe.data.size, recipe.data.size).to(device)
        target = Target(
            torch.from_numpy(age[some]).to(device),
            torch.from_numpy(faces.table.sigma[rows[some]]).to(device),
            network.ages,
        )
        trial = Trial(recipe, network.to(device), images, target)
        told = try_training(recipe.train, EstimatorStep(network, []), watched)
        if recipe.train.optimizer.layer_decay is not None and not hasattr(
            network.backbone, "group_matcher"
        ):
            told.append(
                f"the backbone {recipe.backbone.type!r} does not say which its layers are (by "
                "timm's group_matcher): it counts as one"
            )
        try_augmentations(recipe.data, device)
        trial.estimate()
        evolver.rehearse(recipe, network, device)
        used: set[str] = set()
        for key in loss_arguments(recipe.evolver.model_dump()):
            listed = recipe.evolver.arguments.get(key) or ()
            terms = [LossTerm.model_validate(term) for term in listed]
            if terms:
                used |= trial.train(terms, first=key == evolver.first)
                told += [note for term in terms if (note := _told(term))]
    return list(dict.fromkeys(told)) + [
        f"no loss trains the head {name!r}: it stays as it was drawn, and the ages are the mean "
        "over all heads"
        for name in recipe.heads
        if used and name not in used
    ]


class Trial:
    """A network and a batch.

    Args:
        recipe: what is to be trained.
        network: new, on the device.
        images: (N, 3, S, S).
        target: their ages.
    """

    def __init__(
        self, recipe: EstimatorRecipe, network: AgeEstimator, images: Tensor, target: Target
    ) -> None:
        self.network = network
        self.images = images
        self.target = target
        self.dtype = autocast_dtype(recipe.train.amp, images.device)
        self.backbone = Culprit("backbone", recipe.backbone.type, network.backbone)
        self.heads = {
            name: Culprit("head", head.type, network.heads[name])
            for name, head in recipe.heads.items()
        }

    def estimate(self) -> None:
        """The estimates that the heads make of their outputs, as an evaluation asks for them."""
        self.network.eval()
        with torch.no_grad():
            raw, _ = self._look()
            self.teacher_outputs = {name: out.float() for name, out in raw.items()}
            for name, culprit in self.heads.items():
                head, ages = culprit.made, self.network.ages
                asked = Culprit("head", culprit.name, head, "estimate")
                with asked.doing("cannot estimate ages from its output"):
                    estimate = head.estimate(
                        self.teacher_outputs[name], self.network.rule, self.network.level
                    )
                if not isinstance(estimate, Estimate):
                    raise asked.error(f"gives {kind_of(estimate)}, not an Estimate")
                for field in ("age", "low", "high"):
                    check(asked, f"values of {field!r}", getattr(estimate, field), (self._n,))
                if estimate.distribution is not None:
                    shape = (self._n, ages[1] - ages[0] + 1)
                    check(asked, "distributions", estimate.distribution, shape)

    def train(self, terms: Sequence[LossTerm], *, first: bool) -> set[str]:
        """One step's passes for the terms of a generation.

        Args:
            terms: what it minimises.
            first: whether it has no ancestor.

        Returns:
            The heads that its losses see.
        """
        self.network.train().zero_grad(set_to_none=True)
        if not any(parameter.requires_grad for parameter in self.network.parameters()):
            hint = "freeze less of it"
            raise self.backbone.error("and the heads have no weight to train", hint)
        raw, features = self._look()
        taught = None if first else self.teacher_outputs
        inputs = LossInputs(raw, self.target, features, taught)
        total, seen = torch.zeros((), device=self.images.device), set[str]()
        for term in terms:
            if first:
                require_no_teacher(term, "the first generation")
            built = build_term(term)
            built.loss.to(self.images.device)
            total = total + term.weight * self._value(built, inputs)
            seen |= set(raw) if "outputs" in built.asked.names else {term.head}
        try:
            torch.autograd.backward(total)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            names = ", ".join(term.type for term in terms)
            raise ConfigError(
                f"the losses {names} cannot be trained together on one network: {error}",
                "no part may change in place what another was given",
            ) from error
        heads = [self.heads[name] for name in self.heads if name in seen]
        for culprit in (self.backbone, *heads):
            check_gradients(culprit, culprit.made, reached=culprit is not self.backbone)
        if untouched(self.network.backbone):
            raise heads[0].error(
                "passes no gradient on to the backbone, and no other head does",
                "compute its output from the features without .detach() or torch.no_grad()",
            )
        return seen

    @property
    def _n(self) -> int:
        return len(self.images)

    def _look(self) -> tuple[dict[str, Tensor], Tensor]:
        """Raw outputs by head, each part's checked before the next gets it, and the features."""
        size, training = self.images.shape[-1], self.network.training
        with torch.autocast(
            self.images.device.type,
            dtype=self.dtype or torch.bfloat16,
            enabled=self.dtype is not None,
        ):
            with self.backbone.doing(f"cannot take images of {size} x {size} pixels"):
                features = self.network.backbone(self.images)
            check(self.backbone, "features", features, (self._n, None))
            length = next(iter(self.heads.values())).made.in_features
            if features.shape[1] != length:
                when = "in training" if training else "in evaluation"
                raise self.backbone.error(
                    f"gives features of length {features.shape[1]} {when}, and {length} when it "
                    "was measured for the heads",
                    "give features of one length whatever the images and the mode",
                )
            if training:
                flows(self.backbone, "features", features, self.network.backbone)
            raw: dict[str, Tensor] = {}
            for name, culprit in self.heads.items():
                with culprit.doing(f"cannot take features of shape {tuple(features.shape)}"):
                    raw[name] = culprit.made(features)
                check(culprit, "raw outputs", raw[name], (self._n, ...))
                if training:
                    flows(culprit, "raw outputs", raw[name], self.network)
        return raw, features

    def _value(self, term: Term, inputs: LossInputs) -> Tensor:
        """A loss of a head's output, after all that is asked of it."""
        culprit = Culprit("loss", term.name, term.loss)
        raw = inputs.outputs[term.head]
        shape = tuple(raw.shape)
        what = f"cannot take the output of the head {term.head!r}, of shape {shape}"
        with culprit.doing(what, "give it a head that it is made for"):
            value = term.value(inputs)
        of = f"for the output of the head {term.head!r}, of shape {shape}"
        if isinstance(value, Tensor) and value.ndim:
            raise culprit.error(
                f"gives a tensor of shape {tuple(value.shape)} {of}, not a scalar",
                "give the mean over the batch",
            )
        check(culprit, f"values {of}", value, ())
        gradients: list[Tensor] = []
        if value.requires_grad:
            with culprit.doing("cannot be trained: the backward pass fails"):
                seen = term.sees(inputs)
                gradients = [
                    gradient
                    for gradient in torch.autograd.grad(
                        value, seen, retain_graph=True, allow_unused=True
                    )
                    if gradient is not None
                ]
        if not gradients:
            raise culprit.error(
                f"gives a value without a gradient {of}",
                "compute it from the output by torch's operations, without .detach(), .item() or "
                "a rounding",
            )
        if not all(bool(gradient.isfinite().all()) for gradient in gradients):
            raise culprit.error(f"has a gradient that is not finite {of}")
        return value


def _told(term: LossTerm) -> str:
    """A note on a loss that was written for an older interface."""
    if not Asked.by(LOSSES.get(term.type)).by_position:
        return ""
    entry = LOSSES.find(term.type)
    return (
        f"the loss {term.type!r} of {entry.provider} takes its third argument "
        f"by position, as plugin interface {entry.api} had it, and is given it so; interface "
        f"{API_VERSION} gives it by name: forward(self, raw, target, *, teacher)"
    )
