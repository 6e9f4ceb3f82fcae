"""An ager: two generators, one to each age."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from agekit.tasks.generator import Generator
from agekit_ager.image import DIRECTIONS, YEARS, Direction

__all__ = ["DIRECTIONS", "YEARS", "Direction", "FaceAger", "MovingGenerator"]


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


class MovingGenerator(Generator):
    """A generator that takes ages, and says how it moved what it shows.

    A photo that is finer than what the generator is given keeps its detail by it, moved alike.

    Attributes:
        reach: the first and the last age that it tells from their neighbours, years, whatever it
            was trained on; None where nothing but its training bounds it.
    """

    takes_ages: ClassVar[bool] = True
    reach: ClassVar[tuple[float, float] | None] = None

    def changed(self, images: Tensor, age: Tensor, to: Tensor) -> tuple[Tensor, Tensor]:
        """The faces, and by how much what each place shows lay to the right and down before.

        Returns:
            (N, 3, S, S) from -1 to 1, and (N, 2, S, S), shares of the side.
        """
        raise NotImplementedError

    def forward(self, images: Tensor, age: Tensor, to: Tensor) -> Tensor:
        """The faces alone."""
        return self.changed(images, age, to)[0]
