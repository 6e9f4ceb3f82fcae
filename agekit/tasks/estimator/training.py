"""The training of estimators: a split dataset, generations, a calibrated network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from agekit.data.alignment import Alignment
from agekit.data.loader import Batch
from agekit.data.pool import Progress
from agekit.data.sampling import age_weights
from agekit.data.split import Faces
from agekit.errors import counted
from agekit.recipe import LossTerm
from agekit.recipe.parts import loss_arguments
from agekit.tasks.estimator.build import build_estimator, untrained
from agekit.tasks.estimator.export import export_estimator
from agekit.tasks.estimator.faces import EstimatorFaces
from agekit.tasks.estimator.initial import adopt, estimator_start, initial_weights
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe, is_pretrained
from agekit.tasks.estimator.step import CachedTeacher, EstimatorStep
from agekit.tasks.estimator.terms import build_term
from agekit.tasks.estimator.timm_bridge import own_images
from agekit.tasks.estimator.trainer import EstimatorTrainer
from agekit.tasks.estimator.trial import try_estimator
from agekit.training.evolver import Evolver, build_evolver
from agekit.training.optimize import optim_wrapper
from agekit.training.run import Run
from agekit.training.task import Start, TimedStep, TrainingTask

__all__ = ["EstimatorTraining"]

CROPS = "torchvision"
"""The rule of random crops; a run that does not say it was begun when crops were cut to fit."""
FEW = 50
"""Faces; the share that intervals hold is then known to no better than 4 % (for nine in ten)."""


class EstimatorTraining(TrainingTask[EstimatorFaces, EstimatorTrainer]):
    """Recipes of the kind ``estimator``."""

    trains = AgeEstimator
    trainer_type = EstimatorTrainer
    info: ClassVar[Mapping[str, Any]] = {"crops": CROPS}

    def frame(self, recipe: EstimatorRecipe) -> Alignment | None:
        """That of the networks that its evolver learns from."""
        return build_evolver(recipe.evolver, recipe.kind).frame()

    def rehearse(
        self,
        recipe: EstimatorRecipe,
        evolver: Evolver[Any],
        faces: Faces,
        device: torch.device,
        seed: int,
    ) -> list[str]:
        """One batch through every part."""
        return try_estimator(recipe, evolver, faces, device, seed, self.watched(faces))

    def decode(
        self,
        recipe: EstimatorRecipe,
        faces: Faces,
        device: torch.device,
        progress: Progress | None,
    ) -> EstimatorFaces:
        """With a share held out for the calibration where the recipe asks for it."""
        holdout = recipe.estimate.holdout
        return EstimatorFaces(faces, recipe.data, device, holdout=holdout, progress=progress)

    def require(self, recipe: EstimatorRecipe, data: EstimatorFaces) -> None:
        """Needs a training split, one to choose on where the best is kept, and usable ages.

        Weights of datasets are of those that there are.
        """
        super().require(recipe, data)
        build_estimator(recipe, data.ages, 0)
        data.sampling(recipe.train.epochs)

    def timed_step(self, recipe: EstimatorRecipe) -> TimedStep | None:
        """The step of its evolver's first list of losses; None of one that lists none."""
        for key in loss_arguments(recipe.evolver.model_dump()):
            terms = [LossTerm.model_validate(t) for t in recipe.evolver.arguments.get(key, ())]
            if terms:
                return partial(_timed_step, recipe, terms)
        return None

    def describe(self, data: EstimatorFaces) -> str:
        """The faces of each split and the ages."""
        counts = ", ".join(f"{split} {count:,}" for split, count in data.counts.items())
        return f"{counts} faces, ages {data.ages[0]}-{data.ages[1]}"

    def remarks(self, data: EstimatorFaces, info: Mapping[str, Any]) -> Iterator[str]:
        """Faces outside of the label ages; intervals that will hold fewer faces than they say."""
        if data.config.augment and info.get("crops") != CROPS:
            yield (
                "this run was begun when random crops were cut to the image; in the epochs to come "
                "they are drawn anew until they fit, so that it ends otherwise than it would have"
            )
        yield from _drawn(data)
        low, high = data.ages
        for split in data.scored:
            if outside := data.outside(split):
                yield (
                    f"{outside:,} of {len(data.rows(split)):,} {split} faces lie outside the label "
                    f"ages {low}-{high}: no estimate can be right for them"
                )

        if data.calibration == "train":
            yield (
                f"{data.faces.protocol} has no validation split: intervals are calibrated on "
                "training faces, and will hold fewer of other faces than they say; "
                "--set estimate.holdout=0.1 holds that share out for it"
            )
        elif (few := len(data.rows(data.calibration))) < FEW:
            faces = counted(few, "face")
            yield f"intervals are calibrated on {faces} only: they may hold more or fewer"

    def first_weights(
        self, recipe: EstimatorRecipe, fixed: Collection[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """The backbone's own pretrained weights, and how they take images; or none."""
        name = recipe.backbone.type
        if not is_pretrained(recipe.backbone):
            return {}, [f"from scratch: {name} and the heads begin with weights that are drawn"]
        adopted, notes = adopt(own_images(recipe.backbone), recipe.data, fixed, "its weights take")
        return adopted, [f"{name} begins with its pretrained weights", *notes]

    def start(
        self, init: str | Path, recipe: EstimatorRecipe, faces: Faces, fixed: Collection[str]
    ) -> Start:
        """The backbone, the heads that fit, and how images are taken."""
        return estimator_start(init, recipe, faces, fixed)

    def initial(
        self, run: Run, data: EstimatorFaces, info: Mapping[str, Any]
    ) -> dict[str, Tensor] | None:
        """Without the heads where the ages differ."""
        start = super().initial(run, data, info)
        return start and initial_weights(start, tuple(info["init_ages"]), data.ages)

    def export(
        self, trainer: EstimatorTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """Curves, distributions, a scatter plot, and the model."""
        return export_estimator(trainer, cast(AgeEstimator, network), info)


def _timed_step(
    recipe: EstimatorRecipe, losses: Sequence[LossTerm], images: Tensor, dtype: torch.dtype | None
) -> tuple[AgeEstimator, Callable[[], object]]:
    """Forward and backward pass and update, on faces of all label ages; no data is loaded."""
    device = images.device
    network = untrained(recipe)[0].to(device).to(memory_format=torch.channels_last)
    if recipe.train.compile:
        network.compile()
    terms = [build_term(term, f"{index}-{term.type}") for index, term in enumerate(losses)]
    images = images.to(memory_format=torch.channels_last)
    teacher = None
    if any(term.asked.of_teacher for term in terms):
        with torch.no_grad():  # The network itself stands for what these learn from.
            teacher = CachedTeacher(network.eval()(images))
    step = EstimatorStep(network, terms, teacher, dtype).to(device).train()
    wrapper = optim_wrapper(recipe.train, step)
    low, high = map(float, network.ages)
    faces = Batch(
        images,
        torch.linspace(low, high, len(images), device=device),
        torch.full((len(images),), torch.nan, device=device),
        torch.arange(len(images), device=device),
    )
    return network, lambda: step.train_step(faces, wrapper)


def _drawn(data: EstimatorFaces) -> Iterator[str]:
    """The weights by which faces are drawn, where these differ."""
    balance = data.config.balance
    if balance is not None:
        age = data.age("train").numpy()
        weights = age_weights(age, balance)
        part = f" in the epochs from {balance.since:.0%} to {balance.until:.0%}"
        rare, usual = age[weights.argmax()], age[weights.argmin()]
        yield (
            f"training faces are drawn by the rarity of their ages (data.balance){part}: those "
            f"around {rare:.0f} years {weights.max():.2g} times as often as on average, those "
            f"around {usual:.0f} {weights.min():.2g} times"
        )
    if data.config.weights:
        named = ", ".join(f"{name} {weight:g}" for name, weight in data.config.weights.items())
        yield f"training faces are drawn by their datasets (data.weights): {named}, others 1"
