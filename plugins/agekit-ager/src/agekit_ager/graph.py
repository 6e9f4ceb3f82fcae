"""Agers as they are exported: pixels in, pixels out, one graph for each direction."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.onnx.card import OnnxGraph
from agekit_ager.build import load_ager
from agekit_ager.model import DIRECTIONS, Direction, FaceAger
from agekit_ager.pairs import to_network, to_pixels

__all__ = ["AgedPixels", "graphs"]

TOLERANCE = {"aged": 1.0}
"""The most that an output may differ from torch's, grey levels."""


def graphs(folder: Path) -> list[OnnxGraph]:
    """The graphs of an ager, to old and to young.

    Args:
        folder: of the model.

    Raises:
        ConfigError: it goes by age.
        ModelError: it is damaged.
    """
    ager, config = load_ager(folder)
    if config.ages is not None:
        raise ConfigError(
            f"{folder} is an ager that goes by age, and only agers by direction become ONNX files"
        )
    size = config.image.size
    outputs = {"aged": f"uint8 (N, {size}, {size}, 3), RGB, the same faces older or younger"}
    return [
        OnnxGraph(
            AgedPixels(ager, to).eval(),
            outputs,
            TOLERANCE,
            "grey levels",
            "RGB from -1 to 1",
            {"to": to},
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
