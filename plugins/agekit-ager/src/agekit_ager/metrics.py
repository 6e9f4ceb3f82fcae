"""Figures of an ager that need no judge."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.zoo.config import ImageConfig
from agekit_ager.model import DIRECTIONS, Direction, FaceAger
from agekit_ager.pairs import to_network

__all__ = ["cycle_error", "fixed_outputs"]

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


def fixed_outputs(ager: FaceAger, pictures: Tensor, image: ImageConfig) -> dict[str, Tensor]:
    """The means of each quarter of each picture made old and young, for `agekit.zoo.check`.

    Args:
        ager: in evaluation mode, on the CPU.
        pictures: (N, S, S, 3) uint8.
        image: how they are normalised: from -1 to 1.

    Returns:
        By way, (N, 3, 2, 2) each, by channel.
    """
    found: dict[str, Tensor] = {}
    for to in DIRECTIONS:
        made = [ager(to_network(picture[None]), to) for picture in pictures]
        found[to] = torch.nn.functional.adaptive_avg_pool2d(torch.cat(made), 2)
    return found
