"""How long the rest of a suite will take, by how long its cells took."""

from __future__ import annotations

from collections.abc import Iterable

from agekit_bench.suites.cells import Cell

__all__ = ["Pace"]


class Pace:
    """Seconds by work, which is told by the recipes alone: cells are on the same data."""

    def __init__(self) -> None:
        self._work = 0.0
        self._seconds = 0.0

    def add(self, cell: Cell, seconds: float) -> None:
        """Learns from a cell that has ended."""
        self._work += _work(cell)
        self._seconds += seconds

    def left(
        self, todo: Iterable[Cell], running: Iterable[tuple[Cell, float]], width: int
    ) -> float | None:
        """The seconds until all have ended; None while nothing is known.

        Args:
            todo: the cells that are still to be started.
            running: those that are not, each with the seconds since.
            width: how many run at a time.
        """
        if not self._work:
            return None
        rate = self._seconds / self._work
        rest = [_work(cell) * rate for cell in todo]
        rest += [max(0.0, _work(cell) * rate - seconds) for cell, seconds in running]
        return sum(rest) / max(1, min(width, len(rest)))


def _work(cell: Cell) -> float:
    recipe = cell.resolved.recipe
    generations = recipe.evolver.arguments.get("generations", 1)
    return float(recipe.train.epochs * generations * recipe.data.size**2)
