"""The reference's new weights."""

from __future__ import annotations

from torch import nn

__all__ = ["initialise"]


def initialise(network: nn.Module) -> None:
    """Draws the weights of all convolutions from N(0, 0.02); sets their biases to zero."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
