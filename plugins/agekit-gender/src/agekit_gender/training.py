"""The training of gender classifiers, and the export of their models."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from torch import nn

from agekit.errors import ConfigError, DataError, counted
from agekit.plugin import (
    SPLITS,
    WEIGHTS,
    Display,
    Faces,
    ImageConfig,
    Resolved,
    Run,
    Start,
    TrainingFaces,
    TrainingTask,
    build_evolver,
    common_config,
    decoding,
    locate,
    rank_and_world,
    read_config,
    read_weights,
    stored_backbone,
    write_model,
)
from agekit.zoo.cards.provenance import training_facts
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


def _recipe(resolved: Resolved) -> GenderRecipe:
    return cast(GenderRecipe, resolved.recipe)


class GenderTraining(TrainingTask[TrainingFaces, GenderTrainer]):
    """Recipes of the kind ``gender``."""

    trains = GenderClassifier

    def select(self, resolved: Resolved, faces: Faces) -> Faces:
        """Without the faces whose gender is not known."""
        return with_gender(faces)

    def prepare(
        self,
        resolved: Resolved,
        faces: Faces,
        device: torch.device,
        console: Console | None,
        seed: int,
    ) -> TrainingFaces:
        """Builds the network, and needs faces of both genders to train on."""
        recipe = _recipe(resolved)
        build_evolver(recipe.evolver, recipe.kind)
        build_classifier(recipe.backbone, recipe.data.size, seed)
        display = Display(console if rank_and_world()[0] == 0 else None, None)
        with decoding(display.console, recipe.data.size) as progress:
            data = TrainingFaces(faces, recipe.data, device, progress=progress)
        data.require("train")
        there = set(faces.table.gender[data.rows("train")].tolist())
        if len(there) < len(GENDERS):
            raise DataError(
                f"{faces.protocol}: all training faces are {GENDERS[there.pop()]}",
                "a classifier needs both genders to learn from",
            )
        if "best" in (recipe.train.keep, recipe.train.keep_generation) and not data.has("val"):
            raise ConfigError(
                f"the best epoch is chosen on the validation split, which {faces.protocol} does "
                "not have",
                "choose another protocol, or keep the last: train.keep and train.keep_generation",
            )
        return data

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
        self, init: str | Path, resolved: Resolved, faces: Faces, fixed: Collection[str]
    ) -> Start:
        """All weights of another gender classifier on the same backbone."""
        folder = locate(init)
        config: GenderConfig = read_config(folder, "gender")
        recipe = _recipe(resolved)
        if config.backbone.type != recipe.backbone.type:
            raise ConfigError(
                f"{init} has the backbone {config.backbone.type!r}, and the recipe has "
                f"{recipe.backbone.type!r}",
                "train the recipe on that backbone, or start from another model",
            )
        weights = read_weights(folder / WEIGHTS, config.weights_sha256)
        note = f"starts from {init}: all of it is taken ({len(weights)} tensors)"
        return Start(weights, {"init_name": config.name}, config.face, {}, (note,))

    def trainer(
        self,
        resolved: Resolved,
        data: TrainingFaces,
        run: Run,
        display: Display,
        device: torch.device,
        info: dict[str, Any],
    ) -> GenderTrainer:
        """With the kept weights, if any."""
        return GenderTrainer(
            recipe=_recipe(resolved),
            faces=data,
            initial=run.tensors(run.initial) if run.initial.exists() else None,
            run=run,
            display=display,
            device=device,
            seed=info["seed"],
        )

    def export(
        self, trainer: GenderTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """Writes the model; gives the final metrics."""
        recipe, faces = trainer.recipe, trainer.faces
        final = trainer.chosen.metrics
        scored = {split: final[split] for split in SPLITS if split in final}
        counts = {split: len(faces.rows(split)) for split in SPLITS if faces.has(split)}
        info = info | training_facts(recipe, faces.faces, counts)
        config = GenderConfig(
            **common_config(recipe, network, info, faces.faces.face),
            backbone=stored_backbone(recipe.backbone),
            image=ImageConfig(**recipe.data.model_dump(include=set(ImageConfig.model_fields))),
        )
        metrics = {"generations": [vars(g) for g in trainer.finished], "kept": info["kept"]}
        write_model(trainer.run, network, config, metrics | scored)
        return scored
