"""The contract of generators, the networks that change faces."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from agekit.data.alignment import Alignment

__all__ = ["Generator", "SomeAges"]


class Generator(nn.Module):
    """From faces of one age to the same faces of another: (N, 3, S, S) to (N, 3, S, S), -1 to 1.

    A subclass takes its recipe arguments as keywords and starts with new weights. One goes a single
    way, and an ager has two of them; one that `takes_ages` is an ager by itself, and is called
    ``(images, age, to)``: with the age of each face and the age it is to look, (N,) each, years.

    Attributes:
        takes_ages: whether it is called so.
        frame: where faces have to lie in what it is given; None where they may lie anywhere.
    """

    takes_ages: ClassVar[bool] = False
    frame: Alignment | None = None


class SomeAges(nn.Module):
    """A generator that takes ages, for images alone: each is of 30 years and is to look 60.

    Args:
        generator: which takes ages.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) to the same."""
        age = images.new_full((len(images),), 30.0)
        out: Tensor = self.generator(images, age, 2 * age)
        return out
