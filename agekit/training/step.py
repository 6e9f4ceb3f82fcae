"""The base of the training steps of one network, on one device or several."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmengine.model import BaseModel
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

__all__ = ["NetworkStep", "SyncedBatchNorm2d", "sync_norm"]


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
        """The network's output, over the processes where there are several."""
        network = self._parallel[0] if self._parallel else self.network
        return network(*inputs, **options)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` whose training statistics are those of all processes' images.

    torch's own `SyncBatchNorm` does the same, on GPUs only.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalises (N, C, H, W), whose N may differ from process to process."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        here = wide.new_tensor([x.numel() / x.shape[1]])
        total = _sum(torch.cat([wide.sum((0, 2, 3)), here]))
        mean, count = total[:-1] / total[-1], total[-1].detach()
        centred = wide - mean[:, None, None]
        var = _sum(centred.square().sum((0, 2, 3))) / count
        self._follow(mean.detach(), (var * count / (count - 1)).detach())
        scale = (var + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        out: Tensor = centred * scale[:, None, None]
        if self.bias is not None:
            out = out + self.bias[:, None, None]
        return out.type_as(x)

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        rate = self.momentum
        if rate is None:
            rate = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
        self.running_var.lerp_(var.to(self.running_var.dtype), rate)


def sync_norm(network: nn.Module) -> None:
    """Makes the batch normalisations in `network` those of the global batch, in place.

    The parameters and buffers, and their names, stay. On a CPU only plain `BatchNorm2d` changes.
    """
    if next(network.parameters()).is_cuda:
        for name, child in network.named_children():
            setattr(network, name, convert_sync_batchnorm(child))  # type: ignore[no-untyped-call]
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                synced = SyncedBatchNorm2d.__new__(SyncedBatchNorm2d)
                synced.__dict__ = child.__dict__
                setattr(module, name, synced)


def _sum(values: Tensor) -> Tensor:
    """The sum over the processes; gradients go back to all of them."""
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total
