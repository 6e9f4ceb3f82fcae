"""Faces corrected by how old they come to look: the age that an ager is told, until it fits.

An ager by age is right on average, and off by some years with each face. Its guide, an estimator,
looks at what it made, and it is told an older or a younger age by as many years as are missing. A
face has one number that can change, so that nothing is painted that the guide alone would believe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit_ager.engine import AgedChips
from agekit_ager.judges.base import Judge

__all__ = ["CHILD", "FARTHEST", "GROWN", "Steering"]

ROUNDS = 2
"""How often an age is corrected at most."""
NEAR = 1.0
"""Years within which a face looks as old as it is to look."""
FARTHEST = 20.0
"""The most by which the age that is told differs from the one that is wanted, years."""
CHILD, GROWN = 15.0, 20.0
"""Younger faces are a child's, and a grown-up's from there on. Where no child's is wanted no fewer
years are told than a grown-up has: large eyes and a small chin would make the face another one."""

Pixels = NDArray[np.uint8]
Years = NDArray[np.float32]


@dataclass(frozen=True)
class Steering:
    """A guide, and how far its word goes.

    Attributes:
        guide: who looks.
        ages: the first and the last age that the ager was trained on, years.
    """

    guide: Judge
    ages: tuple[float, float]
    rules: ClassVar[dict[str, float]] = {
        "rounds": ROUNDS,
        "near": NEAR,
        "farthest": FARTHEST,
        "child": CHILD,
        "grown": GROWN,
    }
    """The numbers above, for those who steer an ager elsewhere, as a page does."""

    def __call__(
        self,
        run: Callable[[Pixels, Years, Years], AgedChips],
        chips: Pixels,
        now: Years,
        wanted: Years,
    ) -> tuple[AgedChips, Years]:
        """Ages faces, and again where the guide sees another change of age than was wanted.

        Args:
            run: the ager: chips, how old they look and how old they are to look.
            chips: (N, S, S, 3).
            now: (N,) years.
            wanted: (N,) years.

        Returns:
            The faces, each of them that of its rounds whose change of age comes nearest, and the
            ages (N,) that the ager was told. A face in which the guide finds no age is that of the
            first round.
        """
        told = wanted.copy()
        made = run(chips, now, told)
        before = self.guide.predict(chips).age

        def missing(rows: NDArray[np.int64], some: AgedChips) -> NDArray[np.float64]:
            shown = np.rint(some.pixels).astype(np.uint8)
            return wanted[rows] - now[rows] - (self.guide.predict(shown).age - before[rows])

        rows = np.arange(len(chips))
        off = missing(rows, made)
        least = np.where(wanted < CHILD, self.ages[0], GROWN)
        low = np.maximum(wanted - FARTHEST, np.minimum(least, wanted))
        high = np.minimum(wanted + FARTHEST, np.maximum(self.ages[1], wanted))
        for _ in range(ROUNDS):
            again = np.clip(told[rows] + off[rows], low[rows], high[rows]).astype(np.float32)
            open_ = (np.abs(off[rows]) > NEAR) & (again != told[rows])
            rows, again = rows[open_], again[open_]
            if not len(rows):
                break
            some = run(chips[rows], now[rows], again)
            left = missing(rows, some)
            nearer = np.abs(left) < np.abs(off[rows])
            rows = rows[nearer]
            told[rows], off[rows] = again[nearer], left[nearer]
            made.pixels[rows] = some.pixels[nearer]
            if made.moved is not None and some.moved is not None:
                made.moved[rows] = some.moved[nearer]
        return made, told
