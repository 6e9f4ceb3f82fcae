"""Batches of unpaired faces of two domains, on the device."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.base_loader import BaseLoader, Batching

__all__ = ["PairBatch", "PairLoader", "moved_pixels", "to_network", "to_pixels"]


@dataclass(frozen=True)
class PairBatch:
    """As many faces of each of two domains, unpaired.

    Attributes:
        a: (N, 3, S, S) of the domain A (young), -1 to 1.
        b: (N, 3, S, S) of the domain B (old), -1 to 1.
    """

    a: Tensor
    b: Tensor

    def __len__(self) -> int:
        """N."""
        return len(self.a)


class PairLoader(BaseLoader):
    """Pairs of faces, one of each domain, drawn as CycleGAN draws them.

    An epoch has as many pairs as the larger domain has faces: its faces in random order, each
    once; the smaller domain's are gone through again and again, each time in a new order. Every
    image is cropped at random, pixel by pixel, and flipped at random. All of it depends on the
    seed and the epoch alone, not on how many processes share the work.

    Args:
        images: (M, L, L, 3) uint8, the pool's memory map.
        young: the slots of the young faces.
        old: the slots of the old faces.
        size: side of the crops in pixels, at most L.
        flip: the share of images that is mirrored.
        batching: how an epoch's pairs are divided.
        device: where the batches are wanted.

    Raises:
        ConfigError: the batch size is smaller than the number of processes.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        young: NDArray[np.int64],
        old: NDArray[np.int64],
        *,
        size: int,
        flip: float,
        batching: Batching,
        device: torch.device,
    ) -> None:
        super().__init__(max(len(young), len(old)), batching, device)
        self.slots = (young, old)
        self.size = size
        self.flip = flip
        self._images = np.asarray(images)

    def __len__(self) -> int:
        """The number of batches this process gets; the last one may be smaller."""
        n = len(self.dataset)
        return max(n // self.batch_size, 1)

    def __iter__(self) -> Iterator[PairBatch]:
        """Yields the batches of one pass; a last one that is not full is dropped."""
        drawn = [self._draw(domain) for domain in (0, 1)]
        spans, batching = [], self.batching
        for k in range(len(self)):
            start = k * batching.size
            spans.append(slice(start + batching.rank, start + batching.size, batching.world))
        with ThreadPoolExecutor(1) as thread:
            ahead = thread.submit(self._gather, drawn, spans[0])
            for k in range(len(spans)):
                pixels = ahead.result()
                if k + 1 < len(spans):
                    ahead = thread.submit(self._gather, drawn, spans[k + 1])
                young, old = (to_network(p.to(self.device, non_blocking=True)) for p in pixels)
                yield PairBatch(young, old)

    def _draw(self, domain: int) -> NDArray[np.int64]:
        """The slot, left, top and flip of every face of the pass, (n, 4)."""
        n, mine = len(self.dataset), len(self.slots[domain])
        rounds = -(-n // mine)
        seeds = [f"{domain}.{r}" for r in range(rounds)]
        orders = [torch.randperm(mine, generator=self.generator(f"pair {s}")) for s in seeds]
        order = torch.cat(orders)[:n].numpy()
        random = self.generator(f"crop {domain}")
        room = self._images.shape[1] - self.size + 1
        place = torch.randint(room, (n, 2), generator=random).numpy()
        flip = (torch.rand(n, generator=random) < self.flip).numpy()
        return np.column_stack([self.slots[domain][order], place, flip])

    def _gather(self, drawn: list[NDArray[np.int64]], span: slice) -> list[Tensor]:
        out = []
        for rows in drawn:
            crops = []
            for slot, left, top, flip in rows[span].tolist():
                crop = self._images[slot, top : top + self.size, left : left + self.size]
                crops.append(crop[:, ::-1] if flip else crop)
            pixels = torch.from_numpy(np.stack(crops))
            out.append(pixels.pin_memory() if self.device.type == "cuda" else pixels)
        return out


def to_network(pixels: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S) float32, -1 to 1."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1).contiguous()


def moved_pixels(moved: Tensor) -> Tensor:
    """(N, 2, S, S), shares of the side, to (N, S, S, 2) float32, pixels."""
    return (moved.float() * moved.shape[-1]).permute(0, 2, 3, 1)


def to_pixels(images: Tensor) -> Tensor:
    """(N, 3, S, S), -1 to 1, to (N, S, S, 3) uint8."""
    scaled = images.float().add(1).mul(127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1)
