"""Differences of rows, and the ranks that ties share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agekit_bench.statistics.intervals import Interval

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
        note: what is to be said with it: ``one seed`` or ``seeds disagree``; "" if nothing.
    """

    place: int
    note: str


def ranks(errors: Sequence[float], difference: Callable[[int, int], Difference]) -> list[Rank]:
    """The rank of each row.

    The row of the least error leads rank 1, and rows share it in the order of their errors, up to
    the first whose interval against the leader lies above 0: that one leads the next group, whose
    rank counts all before it: 1, 1, 3. A difference that it rests on is of one seed, or one about
    which seeds disagree: the rank says so.

    Args:
        errors: (R,) mean errors; less is better.
        difference: of the first row's error from the second's.
    """
    order = [int(row) for row in np.argsort(np.asarray(errors, np.float64), kind="stable")]
    out: dict[int, Rank] = {}
    leader, begun = -1, ""
    for place, row in enumerate(order, 1):
        if not out:
            leader, out[row] = row, Rank(place, "")
            continue
        found = difference(row, leader)
        disagree = found.opposed or found.by < 0  # their means are of more seeds than they share
        note = "one seed" if found.seeds == 1 else "seeds disagree" if disagree else ""
        if found.interval.low > 0:
            leader, begun, out[row] = row, note, Rank(place, note)
        else:
            first = out[leader]
            out[row] = Rank(first.place, note or begun)
            out[leader] = Rank(first.place, first.note or note)
    return [out[row] for row in range(len(order))]
