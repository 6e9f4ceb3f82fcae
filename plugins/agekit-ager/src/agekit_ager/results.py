"""One way through an ager: every face of a domain aged, and seen before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from agekit.tasks.generator import Generator
from agekit_ager.judges.base import Judge, Verdict
from agekit_ager.judges.identity import DlibIdentity
from agekit_ager.model import Direction, FaceAger
from agekit_ager.pairs import to_network, to_pixels
from agekit_ager.steering import Steering
from agekit_ager.torch_aging import TorchAging

__all__ = ["AgingResult", "FaceScores", "age_faces"]

BATCH = {"cpu": 8, "cuda": 32}


@dataclass(frozen=True, eq=False)
class FaceScores:
    """N faces, as they are or aged, as others see them.

    Attributes:
        verdicts: by judge, in the order of the judges.
        identity: (N, 128), or None.
    """

    verdicts: list[Verdict]
    identity: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class AgingResult:
    """The faces of one domain aged to the other.

    Attributes:
        to: the way.
        before: as they are.
        after: aged.
        cycle_l1: the mean absolute difference of a face and what comes back from the other age and
            home, on the scale of -1 to 1.
    """

    to: Direction
    before: FaceScores
    after: FaceScores
    cycle_l1: float


@torch.no_grad()
def age_faces(
    ager: FaceAger | Generator,
    to: Direction,
    images: NDArray[np.uint8],
    slots: NDArray[np.int64],
    ages: NDArray[np.float32],
    wanted: float,
    steering: Steering | None,
    judges: Sequence[Judge],
    identity: DlibIdentity | None,
    step: Callable[[int], None],
    device: torch.device,
) -> AgingResult:
    """Ages faces and shows them to the judges, as they are and aged, batch by batch.

    Args:
        ager: in evaluation mode.
        to: the way.
        images: (M, S, S, 3), the pool's memory map.
        slots: the faces' places in it, (N,), N at least 1.
        ages: their ages, (N,) years, for an ager by age.
        wanted: the age that such a one makes them, years.
        steering: of such a one that has a guide, as at its use.
        judges: those who look.
        identity: who tells faces apart; None leaves that out.
        step: told how many faces are done after each batch.
        device: where the ager is.
    """
    back: Direction = "young" if to == "old" else "old"
    size = BATCH[device.type]
    seen: tuple[list[FaceScores], list[FaceScores]] = ([], [])
    cycle = 0.0
    for start in range(0, len(slots), size):
        pixels = np.stack([images[slot] for slot in slots[start : start + size].tolist()])
        batch = to_network(torch.from_numpy(pixels).to(device))
        if isinstance(ager, FaceAger):
            aged = ager(batch, to)
            home = ager(aged, back)
        else:
            age = ages[start : start + size]
            years = np.full_like(age, wanted)
            aged = _aged(TorchAging(ager, device), pixels, age, years, steering).to(batch)
            home = ager(aged, *(torch.from_numpy(one).to(batch) for one in (years, age)))
        cycle += float((home - batch).abs().mean()) * len(batch)
        for looks, chips in zip(seen, (pixels, to_pixels(aged).cpu().numpy()), strict=True):
            embedded = None if identity is None else identity.embed(chips)
            looks.append(FaceScores([judge.predict(chips) for judge in judges], embedded))
        step(len(pixels))
    before, after = map(_join, seen)
    return AgingResult(to, before, after, cycle / len(slots))


def _aged(
    engine: TorchAging,
    pixels: NDArray[np.uint8],
    age: NDArray[np.float32],
    to: NDArray[np.float32],
    steering: Steering | None,
) -> torch.Tensor:
    """Faces aged as `agekit age` does it, (N, 3, S, S) from -1 to 1."""
    if steering is None:
        made = engine.run(pixels, (age, to))
    else:
        made, _ = steering(lambda *some: engine.run(some[0], some[1:]), pixels, age, to)
    return torch.from_numpy(made.pixels).permute(0, 3, 1, 2) / 127.5 - 1


def _join(parts: Sequence[FaceScores]) -> FaceScores:
    verdicts = zip(*(part.verdicts for part in parts), strict=True)
    identity = [part.identity for part in parts if part.identity is not None]
    return FaceScores(
        [Verdict.join(judged) for judged in verdicts],
        np.concatenate(identity) if identity else None,
    )
