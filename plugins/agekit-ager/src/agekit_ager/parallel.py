"""What the training steps of several networks share over processes."""

from __future__ import annotations

import torch
import torch.distributed as dist
from mmengine.optim import OptimWrapper
from torch import nn

from agekit.plugin import rank_and_world

__all__ = ["average_gradients", "broadcast"]


def broadcast(step: nn.Module) -> None:
    """Gives every process the weights and buffers of the first."""
    for tensor in (*step.parameters(), *step.buffers()):
        dist.broadcast(tensor.detach(), 0)


def average_gradients(optimizer: OptimWrapper) -> None:
    """Makes the gradients that an optimiser holds the mean over the processes, in one message."""
    groups = optimizer.optimizer.param_groups
    found = [p.grad for group in groups for p in group["params"] if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in found])
    dist.all_reduce(flat)
    flat /= rank_and_world()[1]
    for gradient, mean in zip(found, torch.split(flat, [g.numel() for g in found]), strict=True):
        gradient.copy_(mean.view_as(gradient))
