"""How well an ager ages: the report's figures, and what they leave out."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.tasks.ager.model import Direction, FaceAger

__all__ = ["cycle_error"]

_BATCH = 8


@torch.no_grad()
def cycle_error(ager: FaceAger, images: Tensor, to: Direction) -> float:
    """The mean absolute difference of faces and what comes back from the other age and home.

    Args:
        ager: in evaluation mode.
        images: (N, 3, S, S), -1 to 1.
        to: which way first.

    Returns:
        On the scale of -1 to 1, as CycleGAN's cycle loss without its weight.
    """
    errors = [
        (ager.cycle(part, to) - part).abs().mean() * len(part)
        for part in torch.split(images, _BATCH)
    ]
    return float(torch.stack(errors).sum() / len(images))
