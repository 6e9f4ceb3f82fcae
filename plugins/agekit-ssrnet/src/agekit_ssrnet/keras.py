"""Layers as Keras makes them: the authors' code, and what they saved of their networks, are its."""

from __future__ import annotations

from torch import nn

__all__ = ["initialise", "norm"]


def norm(channels: int, momentum: float, eps: float = 1e-3) -> nn.BatchNorm2d:
    """Batch normalisation.

    Args:
        channels: of the map.
        momentum: the share of a new batch in the statistics; Keras's 0.99 is 0.01 here.
        eps: added to the variance; Keras's.
    """
    return nn.BatchNorm2d(channels, eps=eps, momentum=momentum)


def initialise(network: nn.Module) -> None:
    """Draws weights as Glorot's uniform distribution has them and sets biases to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
