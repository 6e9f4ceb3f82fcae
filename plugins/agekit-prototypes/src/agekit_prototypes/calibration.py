"""The strength at which faces come to look as old as they are to look, found by a guide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit_prototypes.network import DECADES, PrototypeAger

__all__ = ["calibrate", "strength_for"]

STRENGTHS = (0.75, 1.5, 2.25, 3.0, 3.5)
USUAL = 1.6
"""Where nothing was measured."""
NEAR = 5.0
"""Years about a decade within which faces stand for it."""
_EVERY = 2
"""Targets are tried at every other decade, and filled in between."""

Guide = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


def strength_for(shifts: NDArray[np.float64], wanted: float) -> float:
    """The strength that gives a wanted shift, between those that were tried.

    Args:
        shifts: (K,) the judged shift at each of `STRENGTHS`, years.
        wanted: the same sign as they should have, years.

    Returns:
        The least strength that reaches it; the most where none does.
    """
    along = np.maximum.accumulate(np.concatenate([[0.0], np.sign(wanted) * shifts]))
    at = np.array([0.0, *STRENGTHS])
    if along[-1] < abs(wanted):
        return float(at[-1])
    k = int(np.argmax(along >= abs(wanted)))
    share = (abs(wanted) - along[k - 1]) / (along[k] - along[k - 1])
    return float(max(at[k - 1] + share * (at[k] - at[k - 1]), STRENGTHS[0]))


@torch.no_grad()
def calibrate(
    ager: PrototypeAger,
    faces: NDArray[np.uint8],
    ages: NDArray[np.float64],
    guide: Guide,
    most: int,
) -> None:
    """Fills an ager's table of strengths.

    Args:
        ager: with its prototypes.
        faces: (N, S, S, 3) which its prototypes have not seen.
        ages: (N,) years.
        guide: says how old faces look: (N, S, S, 3) to (N,).
        most: faces of each decade to try.
    """
    table = np.full((len(DECADES), len(DECADES)), np.nan)
    for row, decade in enumerate(DECADES):
        near = np.flatnonzero(np.abs(ages - decade) <= NEAR)[:most]
        if not len(near):
            continue
        before = guide(faces[near])
        images = torch.from_numpy(faces[near]).permute(0, 3, 1, 2).float() / 127.5 - 1
        have = torch.from_numpy(before).float()
        for column in range(0, len(DECADES), _EVERY):
            if column == row:
                continue
            shifts = np.array(
                [
                    (guide(_aged(ager, images, have, DECADES[column], s)) - before).mean()
                    for s in STRENGTHS
                ]
            )
            table[row, column] = strength_for(shifts, DECADES[column] - float(before.mean()))
    ager.strength.copy_(torch.from_numpy(filled(table)))


def filled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A table with what is missing taken from its neighbours, along rows and then columns."""
    out = table.copy()
    for lines in (out, out.T):
        at = np.arange(lines.shape[1])
        for line in lines:
            there = np.isfinite(line)
            if there.any():
                line[:] = np.interp(at, at[there], line[there])
    return np.where(np.isfinite(out), out, USUAL)


def _aged(
    ager: PrototypeAger, images: Tensor, have: Tensor, to: float, strength: float
) -> NDArray[np.uint8]:
    wanted = torch.full_like(have, to)
    made, _ = ager.changed(images, have, wanted, torch.full_like(have, strength))
    pixels = made.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    out: NDArray[np.uint8] = pixels.numpy()
    return out
