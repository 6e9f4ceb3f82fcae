"""An estimator face by face: a table, the worst faces, and the error on those it is sure of."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.atomic import write_bytes
from agekit.data.sheet import csv_cell
from agekit.data.table import FaceTable
from agekit.tasks.estimator.metrics import coverage, mae

__all__ = ["COLUMNS", "FaceErrors"]

COLUMNS = ("path", "age", "estimate", "low", "high", "error", "gender", "group", "split")
WORST = 24
_GENDERS = {0: "male", 1: "female"}


@dataclass(frozen=True)
class FaceErrors:
    """N faces as one model estimated them.

    Attributes:
        table: of the faces, N rows.
        split: of each.
        estimate: (N,) years.
        low: (N,) the lower ends of the intervals, years.
        high: (N,) the upper ends.
        pixels: positions → the images, (S, S, 3) uint8 each.
    """

    table: FaceTable
    split: Sequence[str]
    estimate: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    pixels: Callable[[Sequence[int]], list[NDArray[np.uint8]]]

    @cached_property
    def error(self) -> NDArray[np.float32]:
        """(N,) years; above 0 where a face is taken for older."""
        return self.estimate - self.table.age

    @cached_property
    def surest(self) -> NDArray[np.int64] | None:
        """(N,) positions, the narrowest interval first; None where all are as wide."""
        width = self.high - self.low
        return np.argsort(width, kind="stable") if np.ptp(width) > 1e-3 else None

    def write_csv(self, path: Path) -> None:
        """Writes a row a face, in the order of the data: `COLUMNS`, years with two decimals."""
        table, text = self.table, io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        years = np.stack([table.age, self.estimate, self.low, self.high, self.error], axis=1)
        for i, row in enumerate(years.tolist()):
            group = int(table.group[i])
            writer.writerow(
                [
                    csv_cell(table.images.name(i)),
                    *(f"{value:.2f}" for value in row),
                    _GENDERS.get(int(table.gender[i]), ""),
                    csv_cell(table.group_names[group]) if group >= 0 else "",
                    self.split[i],
                ]
            )
        write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))

    def draw_worst(self, path: Path) -> None:
        """Draws the faces of the largest errors, the worst first, to a PNG."""
        from agekit.tasks.estimator.figures import contact_sheet

        worst = np.argsort(-np.abs(self.error), kind="stable")[:WORST].tolist()
        titles = [
            f"{self.table.age[i]:.0f} years\nestimated {self.estimate[i]:.0f} "
            f"({self.low[i]:.0f}-{self.high[i]:.0f})"
            for i in worst
        ]
        names = [self.table.images.name(i) for i in worst]
        contact_sheet(path, self.pixels(worst), titles, names)

    def draw(self, path: Path, split: str) -> None:
        """Draws estimated against true age, and the error on the surest faces, to a PNG."""
        from agekit.tasks.estimator.figures import errors

        order = self.surest
        risks = None if order is None else _running_means(np.abs(self.error[order]))
        errors(path, self.table.age, self.estimate, risks, split)

    def answered(self, share: float) -> dict[str, Any] | None:
        """The errors on the share of faces whose intervals are the narrowest.

        Returns:
            The ``share``, how many faces ``n``, the years that the widest of their intervals has,
            ``width``, ``mae`` and ``coverage``; None where all intervals are as wide.
        """
        if self.surest is None:
            return None
        mine = self.surest[: max(1, round(share * len(self.estimate)))]
        age, low, high = self.table.age[mine], self.low[mine], self.high[mine]
        return {
            "share": share,
            "n": len(mine),
            "width": float((high - low).max()),
            "mae": mae(self.estimate[mine], age),
            "coverage": coverage(low, high, age),
        }

    def risk_coverage(self) -> list[dict[str, Any]]:
        """`answered` of each tenth of the faces more; nothing where nothing tells faces apart."""
        found = [self.answered(tenth / 10) for tenth in range(1, 11)]
        return [one for one in found if one is not None]


def _running_means(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.cumsum(values, dtype=np.float64) / np.arange(1, len(values) + 1)
