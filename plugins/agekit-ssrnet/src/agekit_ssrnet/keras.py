"""Layers as Keras makes them: the authors' code, and what they saved of their networks, are its."""

from __future__ import annotations

from torch import nn

__all__ = ["MOMENTUM", "initialise", "norm"]

MOMENTUM = 0.01
"""Of batch normalisation, the share of a new batch in the statistics; Keras writes it as 0.99."""


def norm(channels: int, momentum: float, eps: float = 1e-3) -> nn.BatchNorm2d:
    """Batch normalisation; `eps` is Keras's."""
    return nn.BatchNorm2d(channels, eps=eps, momentum=momentum)


def initialise(network: nn.Module) -> None:
    """Draws weights as Glorot's uniform distribution has them and sets biases to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
