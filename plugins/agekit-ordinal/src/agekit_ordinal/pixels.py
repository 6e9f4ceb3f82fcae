"""No backbone at all: for heads that are networks of their own."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Pixels"]


class Pixels(nn.Module):
    """Images (N, 3, S, S) to themselves in one row each, (N, 3 S^2)."""

    def forward(self, images: Tensor) -> Tensor:
        """The pixels, channel by channel, row by row."""
        return images.flatten(1)
