"""What the page shows of a leaderboard, arranged for its template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from agekit_bench.report.figures import Plot, far_off, plots_of
from agekit_bench.report.format import Metric, listed, metrics_of, share, signed
from agekit_bench.report.model import Row, SuiteReport, Table
from agekit_bench.stats.intervals import Share
from agekit_bench.stats.subgroups import NEAR, CheckScore, PartScore

__all__ = ["Cell", "Grid", "Heading", "SuiteView", "TableView"]


_HEATS = 5
_LEAST = 0.01
_BAR = (6.0, 126.0)


@dataclass(frozen=True)
class Cell:
    """A cell of a grid.

    Attributes:
        value: what it is sorted by; empty where there is none.
        text: of it.
        small: below that.
        heat: 0 to 5, how dark it is.
    """

    value: float | str
    text: str
    small: str = ""
    heat: int = 0


@dataclass(frozen=True)
class Heading:
    """A column of a grid: its title, and how many faces it is of."""

    title: str
    n: int


@dataclass(frozen=True)
class Grid:
    """Rows by parts of the faces.

    Attributes:
        title: what the figures are.
        columns: the parts.
        rows: each with its cells.
    """

    title: str
    columns: list[Heading]
    rows: list[tuple[Row, list[Cell]]]


@dataclass(frozen=True)
class SuiteView:
    """A suite; `anchor` is unique on the page."""

    standing: SuiteReport
    anchor: str

    @cached_property
    def tables(self) -> list[TableView]:
        """Its tables."""
        return [TableView(table) for table in self.standing.tables]


@dataclass(frozen=True)
class TableView:
    """A table."""

    table: Table

    @cached_property
    def metrics(self) -> list[Metric]:
        """The columns of figures."""
        return metrics_of(self.table)

    @cached_property
    def run_metrics(self) -> list[Metric]:
        """The columns of the single runs: the error of each head too."""
        return metrics_of(self.table, every=True)

    @cached_property
    def has_ranks(self) -> bool:
        """Whether any row was compared face by face."""
        return any(row.rank is not None for row in self.table.rows)

    @cached_property
    def plots(self) -> list[Plot]:
        """Error against size and speed."""
        return plots_of(self.table)

    @cached_property
    def far_off(self) -> list[Row]:
        """The rows that are not drawn."""
        return far_off(self.table.rows)

    @cached_property
    def facts(self) -> str:
        """What a fair comparison pins, and is the same for all rows."""
        return listed(self.table.facts)

    @cached_property
    def scale(self) -> Callable[[float], float]:
        """From years to the pixels of the small bars."""
        rows = [row for row in self.table.rows if row not in self.far_off]
        known = [row.interval for row in rows if row.interval is not None]
        low = min((i.low for i in known), default=0.0)
        high = max((i.high for i in known), default=1.0)
        left, right = _BAR

        def place(value: float) -> float:
            return round(left + (value - low) / ((high - low) or 1.0) * (right - left), 1)

        return place

    @cached_property
    def part_grids(self) -> list[Grid]:
        """Error, bias and coverage by age, gender and group."""
        rows = [row for row in self.table.rows if row.parts]
        if not rows:
            return []
        levels = {row.level for row in rows}
        level = levels.pop() if len(levels) == 1 else None
        meant = "" if level is None else f"; meant to be {share(level, 0)}"
        return [
            _grid("MAE, years", rows, _error_cell, [p.mae for r in rows for p in r.parts]),
            _grid(
                "Bias, years: above 0, faces are taken for older",
                rows,
                _bias_cell,
                [abs(p.bias) for r in rows for p in r.parts],
            ),
            _grid(
                f"Coverage of the intervals, %, with 95 % Wilson intervals{meant}",
                rows,
                _coverage_cell,
                [],
            ),
            _grid(
                "Width of the intervals, years",
                rows,
                _width_cell,
                [p.width for r in rows for p in r.parts],
            ),
        ]

    @cached_property
    def check_grids(self) -> list[Grid]:
        """The tests of age."""
        rows = [row for row in self.table.rows if row.checks]
        if not rows:
            return []
        return [
            grid
            for check in dict.fromkeys(score.check for score in rows[0].checks)
            for grid in [
                _check_grid(
                    rows, [[score for score in row.checks if score.check == check] for row in rows]
                )
            ]
        ]


_PartCell = Callable[[PartScore, Callable[[float], int]], Cell]


def _grid(title: str, rows: Sequence[Row], cell: _PartCell, values: Sequence[float]) -> Grid:
    heat = _heat(values)
    return Grid(
        title,
        [Heading("all" if p.kind == "all" else p.name, p.n) for p in rows[0].parts],
        [(row, [cell(part, heat) for part in row.parts]) for row in rows],
    )


def _error_cell(part: PartScore, heat: Callable[[float], int]) -> Cell:
    return Cell(part.mae, f"{part.mae:.2f}", heat=heat(part.mae))


def _bias_cell(part: PartScore, heat: Callable[[float], int]) -> Cell:
    return Cell(part.bias, signed(part.bias), heat=heat(abs(part.bias)))


def _coverage_cell(part: PartScore, heat: Callable[[float], int]) -> Cell:
    return _share_cell(part.coverage)


def _width_cell(part: PartScore, heat: Callable[[float], int]) -> Cell:
    return Cell(part.width, f"{part.width:.1f}", heat=heat(part.width))


def _share_cell(value: Share, heat: int = 0) -> Cell:
    if value.value is None:
        return Cell("", "–")
    return Cell(value.value, share(value.value), f"{share(value.low)} to {share(value.high)}", heat)


def _check_grid(rows: Sequence[Row], scores: Sequence[Sequence[CheckScore]]) -> Grid:
    check, first = scores[0][0].check, scores[0]
    name = f"Challenge-{check.threshold}" if check.threshold > check.limit else "No challenge"
    columns = [
        *(Heading("all who pass" if s.kind == "all" else s.name, s.passed.n) for s in first),
        Heading(f"{check.limit - NEAR} to {check.limit - 1} years old", first[0].near.n),
        Heading(f"asked, of {check.limit} and over", first[0].asked.n),
    ]
    values = [s.passed.value or 0.0 for own in scores for s in own]
    heat = _heat(values)
    return Grid(
        f"{name} for a limit of {check.limit}: those below {check.limit} who look "
        f"{check.threshold} or over, %",
        columns,
        [
            (
                row,
                [
                    *(_share_cell(s.passed, heat(s.passed.value or 0.0)) for s in own),
                    _share_cell(own[0].near),
                    _share_cell(own[0].asked),
                ],
            )
            for row, own in zip(rows, scores, strict=True)
        ],
    )


def _heat(values: Sequence[float]) -> Callable[[float], int]:
    low, high = min(values, default=0.0), max(values, default=0.0)

    def grade(value: float) -> int:
        return 0 if high - low < _LEAST else round((value - low) / (high - low) * _HEATS)

    return grade
