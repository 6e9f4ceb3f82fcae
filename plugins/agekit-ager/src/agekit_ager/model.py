"""An ager: two generators, one to each age."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.tasks.generator import Generator
from agekit_ager.image import DIRECTIONS, YEARS, Direction

__all__ = ["DIRECTIONS", "YEARS", "Direction", "FaceAger"]


class FaceAger(nn.Module):
    """Makes faces older or younger.

    Args:
        old: makes a young face old (CycleGAN's G, from A to B).
        young: makes an old face young (CycleGAN's F, from B to A).
    """

    def __init__(self, old: Generator, young: Generator) -> None:
        super().__init__()
        self.old = old
        self.young = young

    def forward(self, images: Tensor, to: Direction) -> Tensor:
        """(N, 3, S, S) from -1 to 1, to the same; S a multiple of 4."""
        generator = self.old if to == "old" else self.young
        out: Tensor = generator(images)
        return out

    @torch.no_grad()
    def cycle(self, images: Tensor, to: Direction) -> Tensor:
        """There and back again, (N, 3, S, S)."""
        back: Direction = "young" if to == "old" else "old"
        out: Tensor = self(self(images, to), back)
        return out
