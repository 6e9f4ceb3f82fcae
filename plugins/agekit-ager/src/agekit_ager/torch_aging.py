"""An ager by torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.tasks.generator import Generator
from agekit_ager.engine import AgedChips, Wish
from agekit_ager.model import FaceAger, MovingGenerator
from agekit_ager.pairs import moved_pixels, to_network

__all__ = ["TorchAging"]

BATCH = 8


class TorchAging:
    """An ager by torch.

    Args:
        ager: in evaluation mode, on its device: a `FaceAger`, or a generator that takes ages.
        device: that.
    """

    runtime = "torch"

    def __init__(self, ager: FaceAger | Generator, device: torch.device) -> None:
        self.ager = ager
        self.device = device

    @torch.no_grad()
    def run(self, pixels: NDArray[np.uint8], wish: Wish) -> AgedChips:
        """See `agekit_ager.engine.AgingEngine.run`."""
        parts, moves = [], []
        for start in range(0, len(pixels), BATCH):
            some = slice(start, start + BATCH)
            images = to_network(torch.from_numpy(pixels[some]).to(self.device))
            if isinstance(wish, str):
                given: list[Any] = [wish]
            else:
                given = [torch.from_numpy(years[some]).to(self.device) for years in wish]
            if isinstance(self.ager, MovingGenerator):
                made, moved = self.ager.changed(images, *given)
                moves.append(moved_pixels(moved))
            else:
                made = self.ager(images, *given)
            parts.append(made.float())
        scaled: NDArray[np.float32] = (
            torch.cat(parts).add(1).mul(127.5).clamp(0, 255).permute(0, 2, 3, 1).cpu().numpy()
        )
        return AgedChips(scaled, torch.cat(moves).cpu().numpy() if moves else None)
