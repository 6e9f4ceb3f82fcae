"""The trainer that evolvers of estimators work with: networks, faces, generations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mmengine.hooks import Hook
from safetensors.torch import save
from torch import Tensor

from agekit.data.join import rows_by_dataset
from agekit.device import autocast_dtype, rank_and_world
from agekit.recipe import LossTerms
from agekit.tasks.estimator.build import build_estimator
from agekit.tasks.estimator.faces import EstimatorFaces
from agekit.tasks.estimator.metrics import mae
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.scoring import conformal_correction, generation_metrics, raw_outputs
from agekit.tasks.estimator.step import CachedTeacher, EstimatorStep, OnlineTeacher, Teacher
from agekit.tasks.estimator.terms import Term, build_term, require_no_teacher
from agekit.training.run import OUTPUTS, TAUGHT
from agekit.training.trainer import Trainer

__all__ = ["EstimatorTrainer"]


@dataclass(kw_only=True)
class EstimatorTrainer(Trainer[AgeEstimator]):
    """Trains generations of an estimator on one dataset."""

    kind: ClassVar[str] = "estimator"
    recipe: EstimatorRecipe
    faces: EstimatorFaces

    def build(self, seed: int) -> AgeEstimator:
        """A network with weights of a seed."""
        return build_estimator(self.recipe, self.faces.ages, seed)

    def generation(
        self,
        number: int,
        terms: LossTerms,
        *,
        ancestor: AgeEstimator | None = None,
        online: bool = False,
        inherit: bool = False,
        teacher: Teacher | None = None,
        outputs: Callable[[], Mapping[str, Tensor]] | None = None,
        hooks: Sequence[Hook] = (),
    ) -> AgeEstimator:
        """Trains one generation, or loads it where it is already trained.

        Args:
            number: counted from 1.
            terms: what it minimises.
            ancestor: the generation before, for terms that learn from it.
            online: ask the ancestor about every augmented batch, not once about every face.
            inherit: start from the ancestor's weights.
            teacher: other networks to learn from in place of an ancestor, asked about every batch.
            outputs: gives what those say of the training faces as they are: raw outputs of this
                network's heads, (rows, ...) each; kept in the run, in place of `teacher`.
            hooks: more of mmengine's hooks; they find the `EstimatorStep` in ``runner.model``.

        Raises:
            ContractError: a term learns from an ancestor, and there is none.
        """
        if ancestor is None and teacher is None and outputs is None:
            for term in terms:
                require_no_teacher(term, f"generation {number}")
        network = self.network(number)

        def learn() -> None:
            if inherit and ancestor is not None:
                network.load_state_dict(ancestor.state_dict())
            built = _build_terms(terms)
            taught = teacher
            if outputs is not None:
                taught = self._stored(self.run.generation(number) / TAUGHT, outputs, built)
            elif ancestor is not None:
                taught = self._teacher(number, ancestor, online, built)
            dtype = autocast_dtype(self.recipe.train.amp, self.device)
            step = EstimatorStep(network, built, taught, dtype).to(self.device)
            self.fit_faces(number, step, lambda given: mae(**given), hooks)

        return self.train(number, network, learn)

    def restored(self, network: AgeEstimator, metrics: Mapping[str, Any]) -> None:
        """Its calibration."""
        network.correction = metrics["interval"]["margin"]

    def _teacher(
        self, number: int, network: AgeEstimator, online: bool, terms: Sequence[Term]
    ) -> Teacher:
        if online:
            return OnlineTeacher(network)
        path = self.run.generation(number - 1) / OUTPUTS
        faces = self.faces.loader("train")
        return self._stored(path, lambda: raw_outputs(network, faces, as_trained=True), terms)

    def _stored(
        self, path: Path, make: Callable[[], Mapping[str, Tensor]], terms: Sequence[Term]
    ) -> Teacher:
        """What is learnt from, on the training faces as they are: made once, kept in the run."""
        if not path.exists():
            outputs = make()
            if rank_and_world()[0] == 0:
                self.run.write(path, save({k: v.cpu() for k, v in outputs.items()}))
        else:
            outputs = self.run.tensors(path)
            rows = len(self.faces.rows("train"))
            taught = [term.head for term in terms if term.asked.of_teacher]
            if any(len(outputs.get(head, ())) != rows for head in taught):
                raise self.run.damaged(path, "it is not of these faces and heads")
        used = {term.head for term in terms}
        if any("teacher_outputs" in term.asked.names for term in terms):
            used |= outputs.keys()
        return CachedTeacher({k: v.to(self.device) for k, v in outputs.items() if k in used})

    def score(self, network: AgeEstimator) -> dict[str, Any]:
        """Its errors, after its calibration."""
        calibrated_on = self.faces.calibration
        outputs = {
            split: raw_outputs(network, self.faces.loader(split))
            for split in dict.fromkeys([calibrated_on, *self.faces.scored])
        }
        age = self.faces.age(calibrated_on).to(self.device)
        table = self.faces.faces.table.take(self.faces.rows(calibrated_on))
        network.correction = conformal_correction(
            network, outputs[calibrated_on], age, rows_by_dataset(table).values()
        )
        interval = {
            "level": network.level,
            "margin": network.correction,
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
