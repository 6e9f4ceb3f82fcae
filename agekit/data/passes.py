"""What every loader of batches has: its place among processes, and what mmengine asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from agekit.errors import ConfigError

__all__ = ["Passes"]


@dataclass(frozen=True)
class _Rows:
    """What mmengine asks a loader's dataset for."""

    count: int
    metainfo: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count


class Passes:
    """Something to go through in batches, epoch by epoch, alone or as one of several processes.

    Args:
        count: of the rows of a pass.
        batch_size: rows of a global batch.
        device: where the batches are wanted.
        seed: what everything random of a pass is drawn from, together with its epoch.
        rank: which of `world` processes this is.
        world: how many processes share each global batch.

    Raises:
        ConfigError: the batch size is smaller than the number of processes.
    """

    def __init__(
        self, count: int, batch_size: int, device: torch.device, seed: int, rank: int, world: int
    ) -> None:
        if batch_size < world:
            raise ConfigError(f"batch size {batch_size} is too small for {world} processes")
        self.dataset = _Rows(count)
        self.batch_size = batch_size
        self.device = device
        self.seed = seed
        self.rank = rank
        self.world = world
        self.epoch = 0

    @property
    def sampler(self) -> Self:
        """What has `set_epoch`, where mmengine looks for it."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Chooses what is drawn at random for the next pass."""
        self.epoch = epoch
