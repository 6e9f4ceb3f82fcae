"""The training step of an estimator: network, loss terms, ancestor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from agekit.data.loader import Batch
from agekit.errors import ConfigError
from agekit.tasks.estimator.base import Loss
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.target import Target
from agekit.training.sync_norm import sync_norm

__all__ = ["CachedTeacher", "EstimatorStep", "OnlineTeacher", "Teacher", "Term"]


@dataclass(frozen=True)
class Term:
    """One weighted loss on one head."""

    name: str
    head: str
    weight: float
    loss: Loss

    def __call__(self, raw: Tensor, target: Target, ancestor: Tensor | None) -> Tensor:
        """The weighted loss, a scalar.

        Raises:
            ConfigError: the loss cannot take what the head gives.
        """
        try:
            value: Tensor = self.weight * self.loss(raw, target, ancestor)
            return value
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            raise ConfigError(
                f"the loss {self.name!r} cannot take the output of the head {self.head!r}, of "
                f"shape {tuple(raw.shape)}: {error}",
                "give it a head that it is made for",
            ) from error


class Teacher(Protocol):
    """Gives the ancestor's raw outputs for the faces of a batch."""

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """Raw outputs by head, (N, ...) each."""


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


class OnlineTeacher:
    """Outputs recomputed on each augmented batch.

    Args:
        network: the ancestor, kept in evaluation mode.
    """

    def __init__(self, network: AgeEstimator) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """The ancestor's view of the same augmented images."""
        outputs: dict[str, Tensor] = self.network(batch.images)
        return outputs


class EstimatorStep(BaseModel):  # type: ignore[misc]
    """What mmengine's Runner trains: one step over a batch of faces.

    Args:
        network: the estimator to train.
        terms: the loss terms of this generation.
        ancestor: gives the previous generation's outputs; needed by terms that learn from it.
        dtype: of autocast, or None for float32.
    """

    def __init__(
        self,
        network: AgeEstimator,
        terms: Sequence[Term],
        ancestor: Teacher | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.losses = nn.ModuleList(term.loss for term in terms)
        self._terms = tuple(terms)
        self._ancestor = (ancestor,)
        self._dtype = dtype
        self._parallel: tuple[nn.Module, ...] = ()

    def parallelise(self) -> None:
        """Averages gradients, and takes batch statistics, over the processes from now on."""
        sync_norm(self.network)
        device = next(self.network.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        self._parallel = (DistributedDataParallel(self.network, device_ids=ids),)

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Mixed precision as this step was told."""
        on = self._dtype is not None
        return torch.autocast(device.type, dtype=self._dtype or torch.bfloat16, enabled=on)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw outputs by head."""
        network = self._parallel[0] if self._parallel else self.network
        with self.autocast(batch.images.device):
            raw: dict[str, Tensor] = network(batch.images)
        return raw

    def train_step(self, data: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One update; gives the weighted terms and their sum, detached, on the device."""
        raw = self(data)
        target = Target(data.age, data.sigma, self.network.ages)
        inherited: Mapping[str, Tensor] = {}
        if self._ancestor[0] is not None:
            with self.autocast(data.images.device):
                inherited = self._ancestor[0](data)
        values = {
            term.name: term(raw[term.head], target, inherited.get(term.head))
            for term in self._terms
        }
        total = torch.stack(list(values.values())).sum()
        optim_wrapper.update_params(total)
        return {"loss": total.detach(), **{name: v.detach() for name, v in values.items()}}

    @torch.no_grad()
    def val_step(self, data: Batch) -> list[dict[str, Any]]:
        """Estimated and true ages of a batch, as mmengine's evaluator takes them."""
        with self.autocast(data.images.device):
            raw = self.network.look(data.images)
        age = self.network.estimate(raw).age
        return [{"estimated": age.cpu().numpy(), "true": data.age.cpu().numpy()}]
