"""What the training steps of one network have in common."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from agekit.training.sync_norm import sync_norm

__all__ = ["NetworkStep"]


class NetworkStep(BaseModel):  # type: ignore[misc]
    """A step of mmengine's Runner that trains one network, on one device or several.

    A subclass defines ``train_step(data, optim_wrapper)`` and, where an error is watched,
    ``val_step(data)``; both ask the network through `call`.

    Args:
        network: what is trained.
        dtype: of autocast, or None for float32.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.network = network
        self._dtype = dtype
        # In a tuple, so that the wrapper is no part of the step: it is not saved.
        self._parallel: tuple[DistributedDataParallel, ...] = ()

    def parallelise(self) -> None:
        """Averages gradients, and takes batch statistics, over the processes from now on."""
        sync_norm(self.network)
        device = next(self.network.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        self._parallel = (DistributedDataParallel(self.network, device_ids=ids),)

    def no_sync(self) -> AbstractContextManager[None]:
        """While it lasts, gradients stay with their process: an update takes more batches."""
        found: AbstractContextManager[None] = nullcontext()
        for parallel in self._parallel:
            found = parallel.no_sync()
        return found

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Mixed precision as this step was told."""
        on = self._dtype is not None
        return torch.autocast(device.type, dtype=self._dtype or torch.bfloat16, enabled=on)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """As `call`."""
        return self.call(*inputs, **options)

    def call(self, *inputs: Any, **options: Any) -> Any:
        """What the network gives, over the processes where there are several."""
        network = self._parallel[0] if self._parallel else self.network
        return network(*inputs, **options)
