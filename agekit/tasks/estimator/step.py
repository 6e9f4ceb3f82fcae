"""The training step of an estimator: network, loss terms, teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from mmengine.optim import OptimWrapper
from timm.optim._param_groups import param_groups_layer_decay, param_groups_weight_decay
from torch import Tensor, nn

from agekit.data.loader import Batch
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.target import Mixed, Target
from agekit.tasks.estimator.terms import LossInputs, Term
from agekit.training.step import NetworkStep

__all__ = ["CachedTeacher", "EstimatorStep", "OnlineTeacher", "Teacher"]


class Teacher(Protocol):
    """The generation before, or any other network that one learns from."""

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """Its raw outputs for the faces of a batch by head, (N, ...) each."""

    def of_mixed(self, outputs: Mapping[str, Tensor], partner: Tensor) -> Mapping[str, Tensor]:
        """Its raw outputs for the faces that are mixed into those of a batch.

        Args:
            outputs: what it gave for the batch.
            partner: (N,), the position in the batch of the face that is mixed into each.
        """


class CachedTeacher:
    """Outputs on the training faces as they are, computed once.

    Args:
        outputs: raw outputs by head for every training row, (rows, ...), on the device.
    """

    def __init__(self, outputs: Mapping[str, Tensor]) -> None:
        self.outputs = outputs

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """The rows of the batch."""
        return {head: stored[batch.row] for head, stored in self.outputs.items()}

    def of_mixed(self, outputs: Mapping[str, Tensor], partner: Tensor) -> Mapping[str, Tensor]:
        """The rows of the other faces."""
        return {head: rows[partner] for head, rows in outputs.items()}


class OnlineTeacher:
    """Outputs recomputed on each augmented batch.

    Args:
        network: the teacher, kept in evaluation mode.
    """

    def __init__(self, network: AgeEstimator) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """The teacher's view of the same augmented images."""
        outputs: dict[str, Tensor] = self.network(batch.images)
        return outputs

    def of_mixed(self, outputs: Mapping[str, Tensor], partner: Tensor) -> Mapping[str, Tensor]:
        """The same: it saw the mixed images."""
        return outputs


class EstimatorStep(NetworkStep):
    """The model that mmengine's Runner trains: one step over a batch of faces.

    Args:
        network: the estimator to train.
        terms: the loss terms of this generation.
        teacher: what terms that ask for one learn from.
        dtype: of autocast, or None for float32.
    """

    network: AgeEstimator

    def __init__(
        self,
        network: AgeEstimator,
        terms: Sequence[Term],
        teacher: Teacher | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(network, dtype)
        self.losses = nn.ModuleList(term.loss for term in terms)
        self._terms = tuple(terms)
        # In a tuple, so that a teacher that is a module is no part of the step: it is not saved.
        self._teacher = (teacher if any(term.asked.of_teacher for term in terms) else None,)
        self._features = any("features" in term.asked.names for term in terms)

    def layer_groups(
        self, lr: float, weight_decay: float, layer_decay: float
    ) -> list[dict[str, Any]]:
        """Groups of parameters for layer-wise rates, as BEiT has them (arXiv 2106.08254).

        The heads and what the losses learn have the rate itself, the last layer of the backbone
        `layer_decay` of it, and so on to the first. Vectors, such as biases, do not decay.

        Args:
            lr: of the heads.
            weight_decay: of what decays.
            layer_decay: 0 to 1.
        """
        backbone = self.network.backbone
        spared: set[str] = getattr(backbone, "no_weight_decay", set)()
        groups: list[dict[str, Any]] = param_groups_layer_decay(
            backbone, weight_decay, spared, layer_decay=layer_decay
        )
        for group in groups:
            group["lr"] = lr * layer_decay * group.pop("lr_scale")
        last = nn.ModuleList([self.network.heads, self.losses])
        groups += [group | {"lr": lr} for group in param_groups_weight_decay(last, weight_decay)]
        return groups

    def forward(self, batch: Batch) -> LossInputs:
        """The inputs of losses: raw outputs by head, features, the teacher's outputs."""
        with self.autocast(batch.images.device):
            if self._features:
                raw, features = self.call(batch.images, with_features=True)
            else:
                raw, features = self.call(batch.images), None
            (teacher,) = self._teacher
            taught = None if teacher is None else teacher(batch)
        target = Target(batch.age, batch.sigma, self.network.ages)
        if batch.mixing is None:
            return LossInputs(raw, target, features, taught)
        partner, share = batch.mixing.partner, batch.mixing.share
        others = target.take(partner)
        others_taught = None
        if teacher is not None and taught is not None:
            others_taught = teacher.of_mixed(taught, partner)
        other = LossInputs(raw, others, features, others_taught)
        return LossInputs(raw, target, features, taught, Mixed(others, share), other)

    def train_step(self, data: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One update; gives the weighted terms and their sum, detached, on the device."""
        with optim_wrapper.optim_context(self):
            inputs = self(data)
        values = {term.name: term(inputs) for term in self._terms}
        total = torch.stack(list(values.values())).sum()
        optim_wrapper.update_params(total)
        return {"loss": total.detach(), **{name: v.detach() for name, v in values.items()}}

    @torch.no_grad()
    def val_step(self, data: Batch) -> list[dict[str, Any]]:
        """Estimated and true ages of a batch, as mmengine's evaluator takes them."""
        with self.autocast(data.images.device):
            raw = self.network.forward_tta(data.images)
        age = self.network.estimate(raw).age
        return [{"estimated": age.cpu().numpy(), "true": data.age.cpu().numpy()}]
