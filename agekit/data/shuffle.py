"""Random numbers that depend on the seed, the epoch and what they are for, and on nothing else."""

from __future__ import annotations

import hashlib

import torch

__all__ = ["generator", "shuffled"]


def generator(seed: int, epoch: int, purpose: str) -> torch.Generator:
    """A generator on the CPU, the same on every machine."""
    word = hashlib.blake2b(f"{purpose}:{seed}:{epoch}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(word) >> 1)


def shuffled(rows: int, seed: int, epoch: int) -> torch.Tensor:
    """The order of one epoch, (rows,) int64."""
    return torch.randperm(rows, generator=generator(seed, epoch, "order"))
