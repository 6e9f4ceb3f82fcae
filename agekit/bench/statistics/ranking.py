"""Differences of rows, and the ranks that ties share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agekit.bench.statistics.intervals import Interval

__all__ = ["Difference", "Rank", "ranks"]


@dataclass(frozen=True)
class Difference:
    """How far a row's error is above another's.

    Attributes:
        by: years; below 0 the row errs less.
        interval: of that, paired, 95 %: over faces and seeds, or of one seed over faces alone.
        seeds: trainings of each that it is over.
        opposed: how many of these seeds put the rows in the other order.
    """

    by: float
    interval: Interval
    seeds: int
    opposed: int

    @property
    def holds(self) -> bool | None:
        """True if the row errs less, False if more; None where that cannot be told.

        Of one seed it never can: the next training may put the rows in the other order.
        """
        return None if self.seeds < 2 or self.interval.holds(0) else self.by < 0


class Rank(NamedTuple):
    """The place of a row.

    Args:
        place: 1 the best.
        disputed: whether seeds put rows that it rests on in another order.
    """

    place: int
    disputed: bool


def ranks(errors: Sequence[float], difference: Callable[[int, int], Difference]) -> list[Rank]:
    """The rank of each row.

    The row of the least error leads rank 1, and rows share it in the order of their errors, up to
    the first that is told apart from the leader: that one leads the next group, whose rank counts
    all before it: 1, 1, 3.

    Args:
        errors: (R,) mean errors; less is better.
        difference: of the first row's error from the second's.
    """
    order = [int(row) for row in np.argsort(np.asarray(errors, np.float64), kind="stable")]
    places: dict[int, int] = {}
    disputed: set[int] = set()
    leader = -1
    for place, row in enumerate(order, 1):
        found = difference(row, leader) if places else None
        leads = found is None or found.holds is False
        if found is not None and found.opposed:
            disputed |= {row} if leads else {row, leader}
        if leads:
            leader = row
        places[row] = place if leads else places[leader]
    return [Rank(places[row], row in disputed) for row in range(len(order))]
