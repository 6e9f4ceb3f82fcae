"""Networks with fully connected layers over the whole map take images of one size."""

from __future__ import annotations

from torch import Tensor

__all__ = ["check_size"]


def check_size(images: Tensor, size: int, network: str) -> None:
    """Checks that images (N, 3, H, W) are of the size a network was built for.

    Raises:
        ValueError: they are not.
    """
    if images.shape[-2:] != (size, size):
        raise ValueError(
            f"this {network} is built for {size} x {size}; set backbone.size as well as data.size"
        )
