"""The trainer that evolvers of gender classifiers work with: a network, faces, generations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.optim import OptimWrapper
from numpy.typing import NDArray
from torch import Tensor

from agekit.plugin import Batch, NetworkStep, Trainer, TrainingFaces, Watched, autocast_dtype
from agekit_gender.metrics import scores
from agekit_gender.model import GenderClassifier, build_classifier, probabilities
from agekit_gender.recipe import GenderRecipe

__all__ = ["GenderStep", "GenderTrainer", "genders"]


def genders(faces: TrainingFaces, split: str) -> Tensor:
    """The genders of a split, (N,) float32 on its device: 0 male, 1 female."""
    codes = faces.faces.table.gender[faces.rows(split)]
    return torch.from_numpy(codes.astype(np.float32)).to(faces.device)


class GenderStep(NetworkStep):
    """One step over a batch of faces.

    Args:
        network: the classifier.
        train: (rows,) the genders of the training faces.
        val: the same of the validation faces, if there are any.
        dtype: of autocast, or None for float32.
    """

    network: GenderClassifier

    def __init__(
        self,
        network: GenderClassifier,
        train: Tensor,
        val: Tensor | None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(network, dtype)
        self._genders = {"train": train, "val": val}
        share = train.mean().clamp(0.01, 0.99)
        self._weights = (0.5 / (1 - share), 0.5 / share)

    def train_step(self, data: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One update; gives the loss, detached, on the device."""
        with optim_wrapper.optim_context(self), self.autocast(data.images.device):
            logits: Tensor = self.call(data.images)
        train = self._genders["train"]
        assert train is not None
        loss = self._loss(logits.float(), train[data.row])
        if data.mixing is not None:
            partner, share = data.mixing.partner, data.mixing.share
            other = self._loss(logits.float(), train[data.row[partner]])
            loss = share * loss + (1 - share) * other
        total = loss.mean()
        optim_wrapper.update_params(total)
        return {"loss": total.detach()}

    @torch.no_grad()
    def val_step(self, data: Batch) -> list[dict[str, Any]]:
        """Probabilities and genders of a batch, as mmengine's evaluator takes them."""
        val = self._genders["val"]
        assert val is not None
        with self.autocast(data.images.device):
            female = self.network.female(data.images)
        gender = val[data.row].to(torch.int8)
        return [{"female": female.float().cpu().numpy(), "gender": gender.cpu().numpy()}]

    def _loss(self, logits: Tensor, gender: Tensor) -> Tensor:
        men, women = self._weights
        weight = torch.where(gender > 0.5, women, men)
        found: Tensor = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, gender, weight, reduction="none"
        )
        return found


def _balanced_error(given: Mapping[str, NDArray[Any]]) -> float:
    found = scores(given["female"], given["gender"], np.zeros(len(given["gender"])))
    error: float = found["error"]
    return error


@dataclass(kw_only=True)
class GenderTrainer(Trainer[GenderClassifier]):
    """Trains a gender classifier on one dataset."""

    kind: ClassVar[str] = "gender"
    watched: ClassVar[Watched] = Watched("error", "balanced error")
    recipe: GenderRecipe
    faces: TrainingFaces

    def build(self, seed: int) -> GenderClassifier:
        """A classifier with weights of a seed."""
        return build_classifier(self.recipe.backbone, self.recipe.data.size, seed)

    def generation(self, number: int) -> GenderClassifier:
        """Trains one generation, or loads it where it is already trained.

        Args:
            number: counted from 1.
        """
        network = self.network(number)

        def learn() -> None:
            val = genders(self.faces, "val") if self.faces.has("val") else None
            dtype = autocast_dtype(self.recipe.train.amp, self.device)
            step = GenderStep(network, genders(self.faces, "train"), val, dtype).to(self.device)
            self.fit_faces(number, step, _balanced_error)

        return self.train(number, network, learn)

    def score(self, network: GenderClassifier) -> dict[str, Any]:
        """Its accuracy on each split that is scored."""
        out = {}
        for split in self.faces.scored:
            female = probabilities(network, self.faces.loader(split)).numpy()
            table, rows = self.faces.faces.table, self.faces.rows(split)
            out[split] = scores(female, table.gender[rows], table.age[rows])
        return out
