"""The image pool: discriminators also see fakes of earlier steps (arXiv 1612.07828)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from agekit.errors import ConfigError

__all__ = ["ImagePool"]


class ImagePool(nn.Module):
    """Keeps fakes; gives half the time an old one in exchange for the new.

    The images and the count of those seen are in the state dict, and what happens to an image
    depends only on the seed and that count: nothing else is needed to go on exactly.

    Args:
        capacity: how many images are kept; 0 gives every image back as it is.
        size: S, the side of the images.
        seed: of the draws.
    """

    images: Tensor

    def __init__(self, capacity: int, size: int, *, seed: int) -> None:
        super().__init__()
        if capacity < 0:
            raise ConfigError(f"pool: must be at least 0 (got {capacity})")
        self.capacity = capacity
        self.seed = seed
        self.seen = 0
        self.register_buffer("images", torch.zeros(capacity, 3, size, size))

    def get_extra_state(self) -> Tensor:
        """How many images were seen; not a buffer, so that no step waits for the device."""
        return torch.tensor(self.seen)

    def set_extra_state(self, state: Tensor) -> None:
        """Goes on from there."""
        self.seen = int(state)

    @torch.no_grad()
    def forward(self, fakes: Tensor) -> Tensor:
        """(N, 3, S, S) to as many, each the same or an older one; carries no gradient.

        The pool is filled first. From then on, image by image: with probability 0.5 a kept one is
        given and the new one kept in its place, else the new one is given.
        """
        out = fakes.detach().to(self.images.dtype, copy=True)
        for image in out if self.capacity else ():
            slot, swap = self._draw(self.seen)
            self.seen += 1
            if swap:
                older = self.images[slot].clone()
                self.images[slot] = image
                image.copy_(older)
            elif slot is not None:
                self.images[slot] = image
        return out

    def _draw(self, index: int) -> tuple[int | None, bool]:
        """Where the image of this index is kept, if at all, and whether the one there is given."""
        if index < self.capacity:
            return index, False
        random = np.random.default_rng((self.seed, index))
        swap = bool(random.random() < 0.5)
        return (int(random.integers(self.capacity)) if swap else None), swap
