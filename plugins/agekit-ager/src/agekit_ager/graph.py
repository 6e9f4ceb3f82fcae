"""Agers as they are exported: pixels in, pixels out; a graph for each direction, or one by age."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from agekit.onnx.card import OnnxGraph
from agekit.tasks.generator import Generator
from agekit_ager.build import load_ager
from agekit_ager.model import DIRECTIONS, Direction, FaceAger, MovingGenerator
from agekit_ager.pairs import moved_pixels, to_network, to_pixels

__all__ = ["AgedPixels", "PixelsByAge", "graphs"]

TOLERANCE = {"aged": 1.0}
"""The most that an output may differ from torch's, grey levels."""
MOVED = {"moved": 0.05}
"""Likewise, pixels."""
HALF = 4.0
"""As `TOLERANCE`, of a file with weights in half precision."""


def graphs(folder: Path) -> list[OnnxGraph]:
    """The graphs of an ager, to old and to young; or the one of an ager by age.

    Args:
        folder: of the model.

    Raises:
        ModelError: it is damaged.
    """
    ager, config = load_ager(folder)
    size = config.image.size
    outputs = {"aged": f"uint8 (N, {size}, {size}, 3), RGB, the same faces older or younger"}
    if config.ages is not None:
        first, last = config.ages
        moves = isinstance(ager, MovingGenerator)
        if moves:
            outputs["moved"] = (
                f"float32 (N, {size}, {size}, 2), by how many pixels to the right and down what "
                "each pixel of aged shows lay in pixels"
            )
        return [
            OnnxGraph(
                PixelsByAge(ager).eval(),
                outputs,
                TOLERANCE | (MOVED if moves else {}),
                "grey levels, pixels" if moves else "grey levels",
                "RGB from -1 to 1",
                {"ages": (round(first), round(last)), "guide": config.guide},
                {
                    "age": ("float32 (N,), how old the faces look, years", (first, last)),
                    "to": ("float32 (N,), how old they are to look, years", (last, first, last)),
                },
                half=HALF,
            )
        ]
    return [
        OnnxGraph(
            AgedPixels(ager, to).eval(),
            outputs,
            TOLERANCE,
            "grey levels",
            "RGB from -1 to 1",
            {"to": to},
            half=HALF,
        )
        for to in DIRECTIONS
    ]


class AgedPixels(nn.Module):
    """An ager in one direction, from pixels to pixels.

    Args:
        ager: in evaluation mode.
        to: which way.
    """

    def __init__(self, ager: FaceAger, to: Direction) -> None:
        super().__init__()
        self.generator = ager.old if to == "old" else ager.young

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 to the same, aged."""
        return (to_pixels(self.generator(to_network(pixels))),)


class PixelsByAge(nn.Module):
    """An ager by age, from pixels to pixels.

    Args:
        generator: in evaluation mode.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, pixels: Tensor, age: Tensor, to: Tensor) -> tuple[Tensor, ...]:
        """Pixels (N, S, S, 3) uint8 and years (N,) to the same pixels, aged; and how they moved."""
        if isinstance(self.generator, MovingGenerator):
            made, moved = self.generator.changed(to_network(pixels), age, to)
            return to_pixels(made), moved_pixels(moved)
        return (to_pixels(self.generator(to_network(pixels), age, to)),)
