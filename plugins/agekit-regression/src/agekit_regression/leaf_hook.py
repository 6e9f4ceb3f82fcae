"""The hook that fits a forest's leaves while its network is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import Batch, rank_and_world
from agekit_regression.forest import ForestHead
from agekit_regression.leaves import first_leaves, fit_leaves

__all__ = ["LeafUpdates"]

AGE = "age"


class LeafUpdates(Hook):  # type: ignore[misc]
    """Fits the leaves of every `forest` head to the batches since the last fit.

    Where each face of a batch went is kept as the training step saw it, on the device; nothing
    waits for the host. The leaves are buffers of the head and travel with the network's weights.
    What is collected goes into the checkpoint, so a killed run resumes to the same leaves. With
    several processes each collects its own share, the sums are taken over all, and the checkpoint
    holds all shares, whatever number of processes reads it.

    Args:
        every: batches from one fit to the next.
        iterations: of a fit.
        min_sigma: see `fit_leaves`; years.
        age: true ages of the training faces, years, (R,); the leaves start from them.
        given: heads whose leaves come from another model, and start as they are.
    """

    def __init__(
        self,
        *,
        every: int,
        iterations: int,
        min_sigma: float,
        age: Tensor,
        given: frozenset[str] = frozenset(),
    ) -> None:
        self.every = every
        self.iterations = iterations
        self.min_sigma = min_sigma
        self.age = age
        self.given = given
        self._heads: dict[str, ForestHead] = {}
        self._watches: list[Any] = []
        self._seen: dict[str, Tensor] = {}
        self._collected: dict[str, list[Tensor]] = {}
        self._all: dict[str, Tensor] = {}

    def before_train(self, runner: Runner) -> None:
        """Finds the forests and gives their leaves a start; a checkpoint is read after this."""
        heads = runner.model.network.heads.items()
        self._heads = {name: head for name, head in heads if isinstance(head, ForestHead)}
        if not self._heads:
            raise ConfigError(
                "the evolver 'forest' finds no head of the type 'forest'",
                "give the recipe one, or use the evolver 'single'",
            )
        for name, head in self._heads.items():
            self._watches.append(head.register_forward_hook(self._watch(name)))
            if name not in self.given:
                mean, variance = first_leaves(self.age, head.mean.shape[1], self.min_sigma)
                head.mean.copy_(mean.expand_as(head.mean))
                head.variance.copy_(variance.expand_as(head.variance))

    def _watch(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(head: nn.Module, inputs: Any, raw: Tensor) -> None:
            if head.training:
                self._seen[_key(name)] = raw.detach()[..., 1:]

        return keep

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Batch | None = None,
        outputs: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Collects the batch; fits the leaves where enough are collected."""
        assert data_batch is not None
        for key, value in {**self._seen, AGE: data_batch.age}.items():
            self._collected.setdefault(key, []).append(value)
        self._seen = {}
        if (runner.iter + 1) % self.every:
            return
        collected = self._taken()
        self._collected = {}
        for name, head in self._heads.items():
            mean, variance = fit_leaves(
                head.mean,
                head.variance,
                collected[_key(name)],
                collected[AGE],
                iterations=self.iterations,
                min_sigma=self.min_sigma,
            )
            head.mean.copy_(mean)
            head.variance.copy_(variance)

    def after_train_epoch(self, runner: Runner) -> None:
        """Brings the shares of all processes together for the checkpoint."""
        self._all = self._taken()
        world = rank_and_world()[1]
        if world > 1:
            shares: list[Any] = [None] * world
            own = {key: value.cpu() for key, value in self._all.items()}
            dist.all_gather_object(shares, own)
            self._all = {key: torch.cat([share[key] for share in shares]) for key in own}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds what is collected."""
        checkpoint["forest"] = self._all

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Takes up what was collected, this process's share of it."""
        rank, world = rank_and_world()
        device = next(iter(self._heads.values())).mean.device
        self._collected = {
            key: [value[rank::world].to(device)] for key, value in checkpoint["forest"].items()
        }

    def after_train(self, runner: Runner) -> None:
        """Lets the heads go."""
        for watch in self._watches:
            watch.remove()

    def _taken(self) -> dict[str, Tensor]:
        return {key: torch.cat(values) for key, values in self._collected.items()}


def _key(name: str) -> str:
    """Where a head's faces are kept, beside the ages."""
    return f"heads.{name}"
