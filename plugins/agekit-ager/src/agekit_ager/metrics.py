"""Figures of an ager that need no judge."""

from __future__ import annotations

import torch
from torch import Tensor

from agekit.tasks.generator import Generator
from agekit.zoo.config import ImageConfig
from agekit_ager.model import DIRECTIONS, YEARS, Direction, FaceAger
from agekit_ager.pairs import to_network

__all__ = ["age_errors", "cycle_error", "fixed_outputs"]

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


@torch.no_grad()
def age_errors(
    ager: Generator, images: Tensor, age: Tensor, ages: tuple[float, float]
) -> dict[str, float]:
    """The same of an ager by age, and how far it changes faces whose age is to stay.

    Args:
        ager: in evaluation mode.
        images: (N, 3, S, S), -1 to 1.
        age: (N,) years.
        ages: the first and the last it was trained on; the way is to the age as far from the
            other end of them.

    Returns:
        ``cycle`` and ``own_age``, on the scale of -1 to 1.
    """
    parts = list(zip(torch.split(images, _BATCH), torch.split(age, _BATCH), strict=True))
    found = {"cycle": 0.0, "own_age": 0.0}
    for faces, years in parts:
        other = sum(ages) - years
        there = ager(faces, years, other)
        errors = {"cycle": ager(there, other, years), "own_age": ager(faces, years, years)}
        for name, back in errors.items():
            found[name] += float((back - faces).abs().mean()) * len(faces) / len(images)
    return found


def fixed_outputs(
    ager: FaceAger | Generator, pictures: Tensor, image: ImageConfig
) -> dict[str, Tensor]:
    """The means of each quarter of each picture made old and young, for `agekit.zoo.check`.

    Args:
        ager: in evaluation mode, on the CPU.
        pictures: (N, S, S, 3) uint8.
        image: how they are normalised: from -1 to 1.

    Returns:
        By way, (N, 3, 2, 2) each, by channel.
    """
    found: dict[str, Tensor] = {}
    for to, back in zip(DIRECTIONS, reversed(DIRECTIONS), strict=True):
        ages = [torch.tensor([YEARS[one]]) for one in (back, to)]
        given = [to] if isinstance(ager, FaceAger) else ages
        made = [ager(to_network(picture[None]), *given) for picture in pictures]
        found[to] = torch.nn.functional.adaptive_avg_pool2d(torch.cat(made), 2)
    return found
