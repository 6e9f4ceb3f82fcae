"""Batch normalisation over the whole global batch, whatever number of processes share it."""

from __future__ import annotations

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

__all__ = ["SyncedBatchNorm2d", "sync_norm"]


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
