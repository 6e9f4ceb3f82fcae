"""The training of agers: two domains of faces, two generators."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from agekit.data.pool import Progress
from agekit.data.split import Faces
from agekit.errors import ConfigError
from agekit.tasks.estimator.initial import adopt_images
from agekit.training.evolver import Evolver, build_evolver
from agekit.training.optimize import try_training
from agekit.training.task import Start, TrainingTask
from agekit.zoo.files import WEIGHTS
from agekit.zoo.folder import read_config, read_weights
from agekit.zoo.locate import is_model, locate
from agekit_ager.build import build_ager
from agekit_ager.config import AgerConfig
from agekit_ager.domains import DOMAINS
from agekit_ager.export import export_ager
from agekit_ager.faces import DomainFaces
from agekit_ager.model import FaceAger
from agekit_ager.recipe import AgerRecipe
from agekit_ager.sample import sampled
from agekit_ager.trainer import AgerTrainer
from agekit_ager.trial import try_ager

__all__ = ["AgerTraining"]


class AgerTraining(TrainingTask[DomainFaces, AgerTrainer]):
    """Recipes of the kind ``ager``."""

    trains = FaceAger
    trainer_type = AgerTrainer

    def select(self, recipe: AgerRecipe, faces: Faces) -> Faces:
        """With the faces drawn that `data.sample` asks for."""
        return sampled(faces, recipe.data)

    def rehearse(
        self,
        recipe: AgerRecipe,
        evolver: Evolver[Any],
        faces: Faces,
        device: torch.device,
        seed: int,
    ) -> list[str]:
        """The generators, the evolver's step, and what trains them."""
        ager = build_ager(recipe.generator, seed)
        try_ager(recipe, evolver, ager, device)
        return try_training(recipe.train, ager, None)

    def scored_with(self, recipe: AgerRecipe) -> dict[str, Any]:
        """On faces of the ages, and of the people, that it was trained on."""
        return {"domains": recipe.data.domains, "where": recipe.data.kept}

    def decode(
        self, recipe: AgerRecipe, faces: Faces, device: torch.device, progress: Progress | None
    ) -> DomainFaces:
        """Two faces of each domain, at least."""
        return DomainFaces(faces, recipe.data, device, progress=progress)

    def require(self, recipe: AgerRecipe, data: DomainFaces) -> None:
        """Nothing more."""

    def describe(self, data: DomainFaces) -> str:
        """The faces of each domain and split."""
        return (
            ", ".join(
                f"{split} {' + '.join(f'{data.count(split, d):,} {d}' for d in DOMAINS)}"
                for split in ("train", "test")
            )
            + " faces"
            + (data.faces.drawn and f" ({data.faces.drawn}, in place of the protocol's split)")
        )

    def start(
        self, init: str | Path, recipe: AgerRecipe, faces: Faces, fixed: Collection[str]
    ) -> Start:
        """Both generators, of an ager or of a checkpoint the evolver can read."""
        face, adopted, notes = None, dict[str, Any](), list[str]()
        if is_model(init):
            folder = locate(init)
            config = read_config(folder)
            if not isinstance(config, AgerConfig) or config.generator != recipe.generator:
                theirs = config.generator.type if isinstance(config, AgerConfig) else config.task
                raise ConfigError(
                    f"{init} is of {theirs!r}, and the recipe has the generator "
                    f"{recipe.generator.type!r}",
                    "start from another model, or choose the same generator",
                )
            weights = read_weights(folder / WEIGHTS, config.weights_sha256)
            name, face = config.name, config.face
            adopted, notes = adopt_images(config.image, recipe.data, fixed)
            if "size" in adopted and recipe.data.load_size and "load_size" not in fixed:
                scale = adopted["size"] / recipe.data.size
                adopted["load_size"] = round(recipe.data.load_size * scale)
        else:
            evolver = build_evolver(recipe.evolver, recipe.kind)
            weights, name = evolver.initial(Path(init)), Path(init).name
            wanted = build_ager(recipe.generator, 0).state_dict()
            odd = [k for k, v in weights.items() if k not in wanted or wanted[k].shape != v.shape]
            if odd:
                raise ConfigError(
                    f"{init} does not fit the generator {recipe.generator.type!r}: {odd[0]}",
                    "choose the generator it was trained with",
                )
        notes.insert(0, f"starts from {init}: both generators are taken ({len(weights)} tensors)")
        return Start(weights, {"init_name": name}, face, adopted, tuple(notes))

    def export(
        self, trainer: AgerTrainer, network: nn.Module, info: dict[str, Any]
    ) -> dict[str, Any]:
        """Loss curves, a sheet of faces, and the model with both directions in it."""
        return export_ager(trainer, cast(FaceAger, network), info)
