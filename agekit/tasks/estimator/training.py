"""The training of estimators: a split dataset, generations, a calibrated network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from rich.console import Console
from torch import nn

from agekit.data.split import Faces
from agekit.data.table import SPLITS
from agekit.device import rank_and_world
from agekit.errors import ConfigError, counted
from agekit.progress import decoding
from agekit.recipe import Resolved
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.export import export_estimator
from agekit.tasks.estimator.faces import HOLDOUT, EstimatorFaces
from agekit.tasks.estimator.initial import adopt, estimator_start, initial_weights
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe, is_pretrained
from agekit.tasks.estimator.timm_bridge import own_images
from agekit.tasks.estimator.trainer import EstimatorTrainer
from agekit.tasks.estimator.trial import try_estimator
from agekit.training.display import Display
from agekit.training.evolver import build_evolver
from agekit.training.run import Run
from agekit.training.task import Start, TrainingTask

__all__ = ["EstimatorTraining"]

CROPS = "torchvision"
"""The rule of random crops; a run that does not say it was begun when crops were cut to fit."""
FEW = 50
"""Faces; the share that intervals hold is then known to no better than 4 % (for nine in ten)."""


def _recipe(resolved: Resolved) -> EstimatorRecipe:
    return cast(EstimatorRecipe, resolved.recipe)


class EstimatorTraining(TrainingTask[EstimatorFaces, EstimatorTrainer]):
    """Recipes of the kind ``estimator``."""

    trains = AgeEstimator
    info: ClassVar[Mapping[str, Any]] = {"crops": CROPS}

    def prepare(
        self,
        resolved: Resolved,
        faces: Faces,
        device: torch.device,
        console: Console | None,
        seed: int,
    ) -> EstimatorFaces:
        """Tries the parts on one batch, and needs a training split."""
        recipe = _recipe(resolved)
        evolver = build_evolver(recipe.evolver, recipe.kind)
        display = Display(console if rank_and_world()[0] == 0 else None, None)
        for note in try_estimator(recipe, evolver, faces, device, seed):
            display.line(note)
        with decoding(display.console, recipe.data.size) as progress:
            data = EstimatorFaces(
                faces,
                recipe.data,
                device,
                holdout=recipe.estimate.holdout,
                progress=progress,
            )
        data.require("train")
        if "best" in (recipe.train.keep, recipe.train.keep_generation) and not data.has("val"):
            raise ConfigError(
                f"the best epoch or generation is chosen on the validation split, which "
                f"{faces.protocol} does not have",
                "choose another protocol, or keep the last: train.keep and train.keep_generation",
            )
        build_estimator(recipe, data.ages, seed)
        return data

    def describe(self, data: EstimatorFaces) -> str:
        """The faces of each split and the ages."""
        counts = ", ".join(f"{s} {len(data.rows(s)):,}" for s in (*SPLITS, HOLDOUT) if data.has(s))
        return f"{counts} faces, ages {data.ages[0]}-{data.ages[1]}"

    def remarks(self, data: EstimatorFaces, info: Mapping[str, Any]) -> Iterator[str]:
        """Faces outside of the label ages; intervals that will hold fewer faces than they say."""
        if data.config.augment and info.get("crops") != CROPS:
            yield (
                "this run was begun when random crops were cut to the image; in the epochs to come "
                "they are drawn anew until they fit, so that it ends otherwise than it would have"
            )
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
        self, resolved: Resolved, fixed: Collection[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """The backbone's own pretrained weights, and how they take images; or none."""
        recipe = _recipe(resolved)
        name = recipe.backbone.type
        if not is_pretrained(recipe.backbone):
            return {}, [f"from scratch: {name} and the heads begin with weights that are drawn"]
        adopted, notes = adopt(own_images(recipe.backbone), recipe.data, fixed, "its weights take")
        return adopted, [f"{name} begins with its pretrained weights", *notes]

    def start(
        self, init: str | Path, resolved: Resolved, faces: Faces, fixed: Collection[str]
    ) -> Start:
        """The backbone, the heads that fit, and how images are taken."""
        return estimator_start(init, _recipe(resolved), faces, fixed)

    def trainer(
        self,
        resolved: Resolved,
        data: EstimatorFaces,
        run: Run,
        display: Display,
        device: torch.device,
        info: dict[str, Any],
    ) -> EstimatorTrainer:
        """With the heads made anew where the ages differ."""
        start = None
        if run.initial.exists():
            start = initial_weights(run.tensors(run.initial), tuple(info["init_ages"]), data.ages)
        return EstimatorTrainer(
            recipe=_recipe(resolved),
            faces=data,
            initial=start,
            run=run,
            display=display,
            device=device,
            seed=info["seed"],
        )

    def export(
        self, trainer: EstimatorTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """Curves, distributions, a scatter plot, and the model."""
        return export_estimator(trainer, cast(AgeEstimator, network), info)
