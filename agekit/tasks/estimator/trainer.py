"""What the evolvers of estimators work with: networks, faces, generations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from safetensors.torch import save
from torch import Tensor

from agekit.device import autocast_dtype, rank_and_world
from agekit.recipe import LossTerms
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.calibrate import conformal_margin
from agekit.tasks.estimator.faces import EstimatorFaces
from agekit.tasks.estimator.infer import raw_outputs
from agekit.tasks.estimator.metrics import mae
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.report import generation_metrics
from agekit.tasks.estimator.step import CachedTeacher, EstimatorStep, OnlineTeacher, Teacher
from agekit.tasks.estimator.terms import Term, build_term, require_no_teacher
from agekit.training.trainer import Trainer

__all__ = ["EstimatorTrainer"]


class _Error(BaseMetric):  # type: ignore[misc]
    """MAE in years over all processes."""

    default_prefix = "val"

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += data_samples

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        estimated = np.concatenate([result["estimated"] for result in results])
        return {"mae": mae(estimated, np.concatenate([result["true"] for result in results]))}


@dataclass(kw_only=True)
class EstimatorTrainer(Trainer[AgeEstimator]):
    """Trains generations of an estimator on one dataset.

    Attributes:
        recipe: what to train.
        faces: what to train on.
        initial: weights to start from in place of new ones, by name; those that fit are taken.
    """

    kind: ClassVar[str] = "estimator"
    recipe: EstimatorRecipe
    faces: EstimatorFaces
    initial: Mapping[str, Tensor] | None = None

    def network(self, generation: int) -> AgeEstimator:
        """The untrained network of a generation, on the device."""
        network = build_estimator(self.recipe, self.faces.ages, self.seed_of(generation))
        if self.initial is not None:
            network.load_state_dict(dict(self.initial), strict=False)
        return network.to(self.device).to(memory_format=torch.channels_last)

    def generation(
        self,
        number: int,
        terms: LossTerms,
        *,
        ancestor: AgeEstimator | None = None,
        online: bool = False,
        inherit: bool = False,
        hooks: Sequence[Hook] = (),
    ) -> AgeEstimator:
        """Trains one generation, or loads it where it is already trained.

        Args:
            number: counted from 1.
            terms: what it minimises.
            ancestor: the generation before, for terms that learn from it.
            online: ask the ancestor about every augmented batch, not once about every face.
            inherit: start from the ancestor's weights.
            hooks: more of mmengine's hooks; they find the `EstimatorStep` in ``runner.model``.

        Raises:
            ContractError: a term learns from an ancestor, and there is none.
        """
        if ancestor is None:
            for term in terms:
                require_no_teacher(term, f"generation {number}")
        network = self.network(number)

        def learn() -> None:
            if inherit and ancestor is not None:
                network.load_state_dict(ancestor.state_dict())
            built = _build_terms(terms)
            teacher = self._teacher(number, ancestor, online, built)
            self._learn(number, network, built, teacher, hooks)

        return self.train(number, network, learn)

    def restored(self, network: AgeEstimator, metrics: Mapping[str, Any]) -> None:
        """Its calibration."""
        network.margin = metrics["interval"]["margin"]

    def _teacher(
        self, number: int, network: AgeEstimator | None, online: bool, terms: Sequence[Term]
    ) -> Teacher | None:
        if network is None:
            return None
        if online:
            return OnlineTeacher(network)
        path = self.run.generation(number - 1) / "outputs.safetensors"
        if not path.exists():
            outputs = raw_outputs(network, self.faces.loader("train"), as_trained=True)
            if rank_and_world()[0] == 0:
                self.run.write(path, save({k: v.cpu() for k, v in outputs.items()}))
        else:
            outputs = self.run.tensors(path)
            rows = len(self.faces.rows("train"))
            if any(len(outputs.get(term.head, ())) != rows for term in terms):
                raise self.run.damaged(path, "it is not of these faces and heads")
        used = {term.head for term in terms}
        if any("teacher_outputs" in term.asked.names for term in terms):
            used |= outputs.keys()
        return CachedTeacher({k: v.to(self.device) for k, v in outputs.items() if k in used})

    def _learn(
        self,
        number: int,
        network: AgeEstimator,
        terms: Sequence[Term],
        teacher: Teacher | None,
        hooks: Sequence[Hook],
    ) -> None:
        config = self.recipe.train
        step = EstimatorStep(
            network,
            terms,
            teacher,
            autocast_dtype(config.amp, self.device),
        ).to(self.device)
        if config.compile:
            network.compile()
        train = self.faces.training_loader(config.batch_size, self.seed_of(number))
        self.fit(
            number, step, config, train, val=self.faces.watched(), metric=_Error(), hooks=hooks
        )

    def score(self, network: AgeEstimator) -> dict[str, Any]:
        """Its errors, after its calibration."""
        calibrated_on = self.faces.calibration
        outputs = {
            split: raw_outputs(network, self.faces.loader(split))
            for split in dict.fromkeys([calibrated_on, *self.faces.scored])
        }
        age = self.faces.age(calibrated_on).to(self.device)
        network.margin = conformal_margin(network, outputs[calibrated_on], age)
        interval = {
            "level": network.level,
            "margin": network.margin,
            "calibrated_on": calibrated_on,
        }
        return {"interval": interval} | {
            split: generation_metrics(network, outputs[split], self.faces, split)
            for split in self.faces.scored
        }

    def errors(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """The mean error of each split, and by how much intervals are moved out."""
        return super().errors(metrics) | {"interval": metrics["interval"]["margin"]}


def _build_terms(terms: LossTerms) -> list[Term]:
    """The built terms, each with a name of its own."""
    names = [term.type.rpartition(":")[2] for term in terms]
    return [
        build_term(term, name if names.count(name) == 1 else f"{name}-{index}")
        for index, (name, term) in enumerate(zip(names, terms, strict=True))
    ]
