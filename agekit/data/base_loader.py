"""The base of every loader: epochs of batches, shared among processes, random by seed and epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from agekit.errors import ConfigError

__all__ = ["BaseLoader", "Batching", "generator"]


def generator(seed: int, epoch: int, purpose: str) -> torch.Generator:
    """A generator on the CPU that depends on its arguments alone, the same on every machine."""
    word = hashlib.blake2b(f"{purpose}:{seed}:{epoch}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(word) >> 1)


@dataclass(frozen=True)
class Batching:
    """The division of an epoch's rows into batches.

    Attributes:
        size: rows of a global batch.
        seed: what everything random of an epoch is drawn from, together with its number.
        rank: which of `world` processes this is.
        world: how many processes share each global batch.
    """

    size: int
    seed: int = 0
    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class _Rows:
    """The length and the metadata that mmengine asks a loader's dataset for."""

    count: int
    metainfo: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count


class BaseLoader:
    """Batches of rows, epoch by epoch, as mmengine's loops take them.

    Args:
        count: rows of an epoch.
        batching: how they are divided.
        device: where the batches are wanted.

    Raises:
        ConfigError: the batch size is smaller than the number of processes.
    """

    def __init__(self, count: int, batching: Batching, device: torch.device) -> None:
        if batching.size < batching.world:
            raise ConfigError(
                f"batch size {batching.size} is too small for {batching.world} processes"
            )
        self.dataset = _Rows(count)
        self.batching = batching
        self.device = device
        self.epoch = 0

    @property
    def batch_size(self) -> int:
        """Rows of a global batch."""
        return self.batching.size

    @property
    def sampler(self) -> Self:
        """The loader itself, which has the `set_epoch` that mmengine looks for here."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose order and other random numbers come next."""
        self.epoch = epoch

    def generator(self, purpose: str) -> torch.Generator:
        """The random numbers of this epoch for a purpose."""
        return generator(self.batching.seed, self.epoch, purpose)
