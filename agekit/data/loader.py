"""Batches of faces on the device, with no decoding and no host synchronisation in the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.augment import Augment, crop, normalise, warp
from agekit.data.augmentation import Augmentation, Mixing, MixingAugmentation
from agekit.data.base_loader import BaseLoader, Batching
from agekit.data.sampling import Sampling
from agekit.errors import DataError, counted

__all__ = ["Batch", "CachedFaces", "FaceLoader", "Normalisation"]

_RESIDENT_SHARE = 0.4
"""Of a GPU's free memory; the network and its gradients need the rest."""
_COPY_ROWS = 4096
"""Copied at a time, so that the host never holds all pixels."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a loader, on its device.

    Attributes:
        images: (N, 3, S, S) float32, normalised.
        age: (N,) float32, years.
        sigma: (N,) float32, years; NaN where unknown.
        row: (N,) int64, the rows' positions within the loader.
        mixing: of the images with each other, if they are mixed.
    """

    images: Tensor
    age: Tensor
    sigma: Tensor
    row: Tensor
    mixing: Mixing | None = None

    def __len__(self) -> int:
        """N."""
        return len(self.row)


@dataclass(frozen=True)
class CachedFaces:
    """N faces whose images are in the decode-once cache.

    Attributes:
        images: (M, S, S, 3) uint8, the pool's memory map.
        slots: (N,) the slot of each face.
        age: (N,) years.
        sigma: (N,) years, NaN where unknown.
    """

    images: NDArray[np.uint8]
    slots: NDArray[np.int64]
    age: NDArray[np.float32]
    sigma: NDArray[np.float32]

    def __len__(self) -> int:
        """N."""
        return len(self.slots)


@dataclass(frozen=True)
class Normalisation:
    """The form in which a network takes images; see `agekit.data.augment.normalise`.

    Attributes:
        mean: of pixels from 0 to 1, one for each channel.
        std: likewise.
        crop_pct: the share of each side that is taken, in the middle, where nothing is augmented.
        channels_last: the memory format.
    """

    mean: Sequence[float]
    std: Sequence[float]
    crop_pct: float = 1.0
    channels_last: bool = False


class FaceLoader(BaseLoader):
    """Batches of faces, out of the decode-once cache.

    On a GPU the pixels are copied to the device once where they fit; else, and on the CPU, the
    next batch is gathered from the memory map by a thread while this one is used. The order and
    the crops of an epoch depend on the seed and the epoch alone, not on the device or on how many
    processes share the work: each takes its part of every global batch.

    Args:
        faces: what is loaded.
        batching: how an epoch is divided.
        normalisation: of the images.
        device: where the batches are wanted.
        augment: how to crop and flip; None to take the middle of the images.
        augmentations: what is done to them after that, in this order.
        shuffle: train: shuffle every epoch, and drop the last batch if it is not full, unless it
            is the only one. Without it the faces come in order, each once.
        sampling: with `shuffle`, where some faces are to be drawn more often than others: as many
            as there are, with replacement.
        resident_limit: bytes of pixels to keep on a GPU at most; 40 % of its free memory if None.

    Raises:
        DataError: there are no faces, or one has no slot.
        ConfigError: the batch size is smaller than the number of processes.
    """

    def __init__(
        self,
        faces: CachedFaces,
        batching: Batching,
        normalisation: Normalisation,
        device: torch.device | str,
        *,
        augment: Augment | None = None,
        augmentations: Sequence[Augmentation] = (),
        shuffle: bool = False,
        sampling: Sampling | None = None,
        resident_limit: int | None = None,
    ) -> None:
        if len(faces) == 0:
            raise DataError("no rows to load")
        if (faces.slots < 0).any():
            raise DataError(
                f"{int((faces.slots < 0).sum())} of {len(faces)} rows have no image in the cache",
                "leave those rows out (their slot is -1)",
            )
        super().__init__(len(faces), batching, _indexed(torch.device(device)))
        if shuffle and len(faces) < batching.world:
            are = counted(len(faces), "row is", "rows are")
            raise DataError(f"{are} too few for {batching.world} processes")
        self.normalisation = normalisation
        self.augment = augment
        self.augmentations = [one.to(self.device) for one in augmentations]
        self.shuffle = shuffle
        self.sampling = sampling
        self._images = np.asarray(faces.images)
        self._slots = faces.slots
        self._age, self._sigma, self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32, device=self.device)
            for values in (faces.age, faces.sigma, normalisation.mean, normalisation.std)
        )
        self._resident = self._copy() if self._fits(resident_limit) else None

    @property
    def resident(self) -> bool:
        """True if the pixels are kept on the device."""
        return self._resident is not None

    def __len__(self) -> int:
        """The number of batches this process gets."""
        return len(self._spans())

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches of one pass."""
        n = len(self.dataset)
        order, whose = self._order(n)
        windows = None
        if self.augment is not None:
            size = self._images.shape[1]
            windows = self.augment.draw(n, self.batching.seed, self.epoch, size)[whose]
            windows = windows.to(self.device)
        placed = order.to(self.device)
        drawn = [
            one.draw(torch.rand(n, one.numbers, generator=self.generator(f"augmentation {place}")))
            for place, one in enumerate(self.augmentations)
        ]
        drawn = [parameters[whose].to(self.device) for parameters in drawn]
        # An augmentation gets pixels from 0 to 1; they are normalised after the last one.
        plain = (torch.zeros_like(self._mean), torch.ones_like(self._std))
        norm = plain if drawn else (self._mean, self._std)
        last = self.normalisation.channels_last
        for span, pixels in zip(self._spans(), self._pixels(order, windows), strict=True):
            row = placed[span]
            if windows is None:
                share = self.normalisation.crop_pct
                images = normalise(pixels, *norm, crop_pct=share, channels_last=last)
            elif windows.is_cuda:
                images = crop(pixels, windows[span], *norm, channels_last=last)
            else:
                images = normalise(pixels, *norm, channels_last=last)
            mixing = None
            for one, parameters in zip(self.augmentations, drawn, strict=True):
                images = one(images, parameters[span])
                if isinstance(one, MixingAugmentation):
                    mixing = one.mixing(parameters[span])
            if drawn:
                images = (images - self._mean.view(3, 1, 1)) / self._std.view(3, 1, 1)
            yield Batch(images, self._age[row], self._sigma[row], row, mixing)

    def _order(self, n: int) -> tuple[Tensor, Tensor]:
        """The rows of the epoch in order, and whose random numbers each of them gets.

        A row has its own; where rows are drawn with replacement each drawing has.
        """
        order = torch.arange(n)
        if not self.shuffle:
            return order, order
        numbers = self.generator("order")
        weights = None if self.sampling is None else self.sampling.weights(self.epoch)
        if weights is None:
            order = torch.randperm(n, generator=numbers)
            return order, order
        return torch.multinomial(torch.from_numpy(weights), n, True, generator=numbers), order

    def _spans(self) -> list[slice]:
        """This process's part of every global batch, as slices of the order."""
        n, size, world = len(self.dataset), self.batch_size, self.batching.world
        end = n - n % size if self.shuffle and n >= size else n
        starts = range(0, end, size)
        spans = [slice(k + self.batching.rank, min(k + size, end), world) for k in starts]
        return [span for span in spans if span.start < span.stop]

    def _pixels(self, order: Tensor, windows: Tensor | None) -> Iterator[Tensor]:
        """The pixels of each batch; on a CPU already cropped to their windows."""
        spans = self._spans()
        if self._resident is not None:
            placed = order.to(self.device)
            for span in spans:
                yield self._resident.index_select(0, placed[span])
            return
        host = None if windows is None or windows.is_cuda else windows.numpy()
        with ThreadPoolExecutor(1, initializer=_use, initargs=(self.device,)) as thread:
            ahead: Future[Tensor] = thread.submit(self._gather, order, spans[0], host)
            for k in range(len(spans)):
                pixels = ahead.result()
                if k + 1 < len(spans):
                    ahead = thread.submit(self._gather, order, spans[k + 1], host)
                yield pixels.to(self.device, non_blocking=True)

    def _gather(self, order: Tensor, span: slice, windows: NDArray[np.float32] | None) -> Tensor:
        slots = self._slots[order[span].numpy()]
        pinned = self.device.type == "cuda"
        shape = (len(slots), *self._images.shape[1:])
        out = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        np.take(self._images, slots, axis=0, out=out.numpy(), mode="clip")
        return out if windows is None else torch.from_numpy(warp(out.numpy(), windows[span]))

    def _fits(self, limit: int | None) -> bool:
        if self.device.type != "cuda":
            return False
        if limit is None:
            limit = int(torch.cuda.mem_get_info(self.device)[0] * _RESIDENT_SHARE)
        return len(self._slots) * int(np.prod(self._images.shape[1:])) <= limit

    def _copy(self) -> Tensor:
        shape = (len(self._slots), *self._images.shape[1:])
        pixels = torch.empty(shape, dtype=torch.uint8, device=self.device)
        for k in range(0, len(self._slots), _COPY_ROWS):
            part = self._images[self._slots[k : k + _COPY_ROWS]]
            pixels[k : k + len(part)] = torch.from_numpy(part)
        return pixels


def _indexed(device: torch.device) -> torch.device:
    """The device with its number; ``cuda`` is the current one."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def _use(device: torch.device) -> None:
    """Makes `device` this thread's own, so that pinned memory belongs to it."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
