"""The training of gender classifiers, and the export of their models."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from agekit.errors import ConfigError, DataError, counted
from agekit.plugin import (
    SPLITS,
    WEIGHTS,
    Evolver,
    Faces,
    ImageConfig,
    NetworkStep,
    Start,
    TrainingFaces,
    TrainingTask,
    export_model,
    locate,
    read_config,
    read_weights,
    stored_backbone,
    try_training,
)
from agekit_gender.config import GenderConfig
from agekit_gender.metrics import GENDERS
from agekit_gender.model import GenderClassifier, build_classifier
from agekit_gender.recipe import GenderRecipe
from agekit_gender.trainer import GenderTrainer

__all__ = ["GenderTraining", "with_gender"]


def with_gender(faces: Faces) -> Faces:
    """The faces whose gender is known; the others are in no split.

    Raises:
        DataError: there are none.
    """
    known = faces.table.gender >= 0
    if not known[faces.codes >= 0].any():
        raise DataError(
            f"{faces.protocol} says the gender of none of its faces",
            "take a dataset that does, such as utkface; see `agekit data list`",
        )
    return replace(faces, codes=np.where(known, faces.codes, -1).astype(faces.codes.dtype))


class GenderTraining(TrainingTask[TrainingFaces, GenderTrainer]):
    """Recipes of the kind ``gender``."""

    trains = GenderClassifier
    trainer_type = GenderTrainer

    def select(self, recipe: GenderRecipe, faces: Faces) -> Faces:
        """Without the faces whose gender is not known."""
        return with_gender(faces)

    def rehearse(
        self,
        recipe: GenderRecipe,
        evolver: Evolver[Any],
        faces: Faces,
        device: torch.device,
        seed: int,
    ) -> list[str]:
        """Builds the network, and what trains it."""
        network = build_classifier(recipe.backbone, recipe.data.size, seed)
        return try_training(recipe.train, NetworkStep(network), self.watched(faces))

    def require(self, recipe: GenderRecipe, data: TrainingFaces) -> None:
        """Needs faces of both genders to train on."""
        super().require(recipe, data)
        there = set(data.faces.table.gender[data.rows("train")].tolist())
        if len(there) < len(GENDERS):
            raise DataError(
                f"{data.faces.protocol}: all training faces are {GENDERS[there.pop()]}",
                "a classifier needs both genders to learn from",
            )

    def describe(self, data: TrainingFaces) -> str:
        """The faces of each split, by gender."""
        out = []
        for split in (s for s in SPLITS if data.has(s)):
            codes = data.faces.table.gender[data.rows(split)]
            both = (f"{(codes == code).sum():,} {name}" for code, name in enumerate(GENDERS))
            out.append(f"{split} {' + '.join(both)}")
        return f"{', '.join(out)} faces"

    def remarks(self, data: TrainingFaces, info: Mapping[str, Any]) -> Iterator[str]:
        """How many faces have no known gender."""
        if unknown := int((data.faces.table.gender < 0).sum()):
            yield f"{counted(unknown, 'face')} of unknown gender left out"

    def start(
        self, init: str | Path, recipe: GenderRecipe, faces: Faces, fixed: Collection[str]
    ) -> Start:
        """All weights of another gender classifier on the same backbone."""
        folder = locate(init)
        config: GenderConfig = read_config(folder, "gender")
        if config.backbone.type != recipe.backbone.type:
            raise ConfigError(
                f"{init} has the backbone {config.backbone.type!r}, and the recipe has "
                f"{recipe.backbone.type!r}",
                "train the recipe on that backbone, or start from another model",
            )
        weights = read_weights(folder / WEIGHTS, config.weights_sha256)
        note = f"starts from {init}: all of it is taken ({len(weights)} tensors)"
        return Start(weights, {"init_name": config.name}, config.face, {}, (note,))

    def export(
        self, trainer: GenderTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """Writes the model; gives the final metrics."""
        recipe = trainer.recipe
        own = {"backbone": stored_backbone(recipe.backbone), "image": ImageConfig.of(recipe.data)}
        return export_model(trainer, network, info, trainer.faces.counts, **own)
