"""Views of a leaderboard for the page's templates."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from agekit.tasks.estimator.metrics import Metric
from agekit_bench.report.columns import Column, columns_of
from agekit_bench.report.figures import Plot, far_off, numbered, plots_of
from agekit_bench.report.format import (
    figure,
    kilojoules,
    listed,
    megabytes,
    metrics_of,
    seconds,
)
from agekit_bench.report.model import Row, SuiteReport, Table
from agekit_bench.stats.intervals import Share, Spread, spread
from agekit_bench.stats.subgroups import Check, CheckScore, PartScore

__all__ = ["CheckView", "Line", "Overview", "SuiteView", "TableView"]


_HEATS = 5
_LEAST = 0.01
_MOST_SHOWN = 6
"""Columns behind the difference that there is room for; the others are there to be chosen."""
_BAR = (6.0, 126.0)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OF_PARTS = {"mae": "mae", "bias": "bias", "coverage": "coverage", "interval_width": "width"}
"""The metrics that are known of parts of the faces too, and what a part calls them."""


class Line(NamedTuple):
    """A figure of a row, seed by seed: its title, what it means, a text for each seed."""

    title: str
    help: str
    texts: list[str]


class CheckView(NamedTuple):
    """A test of age.

    Args:
        name: the limit and the age to look, ``18/25``.
        title: the same in words.
        scores: how a row does on all faces, and on each part.
        passed: part → the share that passes.
    """

    name: str
    title: str
    scores: list[CheckScore]
    passed: dict[str, Share]


class Overview(NamedTuple):
    """A suite's rows on all of its datasets: the tables, and name → each table's row or None."""

    tables: list[Table]
    rows: dict[str, list[Row | None]]


@dataclass(frozen=True)
class SuiteView:
    """A suite; `anchor` is unique on the page."""

    standing: SuiteReport
    anchor: str

    @cached_property
    def tables(self) -> list[TableView]:
        """Its tables."""
        return [TableView(table) for table in self.standing.tables]

    @cached_property
    def overview(self) -> Overview | None:
        """Its rows side by side on several datasets; None where there are not several."""
        tables = self.standing.tables
        if len(tables) < 2:
            return None
        names = dict.fromkeys(row.name for table in tables for row in table.rows)
        by_name = [{row.name: row for row in table.rows} for table in tables]
        return Overview(tables, {name: [rows.get(name) for rows in by_name] for name in names})


@dataclass(frozen=True)
class TableView:
    """A table."""

    table: Table

    @cached_property
    def metrics(self) -> list[Metric]:
        """Every figure of its rows."""
        return metrics_of(self.table, every=True)

    @cached_property
    def main(self) -> Metric | None:
        """The first of them, beside which interval and difference stand."""
        return self.metrics[0] if self.metrics else None

    @cached_property
    def has_ranks(self) -> bool:
        """True if any row was compared face by face."""
        return any(row.rank is not None for row in self.table.rows)

    @cached_property
    def columns(self) -> list[Column]:
        """Those behind rank, method, main figure and difference."""
        found = columns_of(self.metrics[1:], self.table.rate_of)
        rows, room = self.table.rows, _MOST_SHOWN
        out = []
        for column in found:
            if any(column.of(row)[0] is not None for row in rows):
                room -= column.shown
                out.append(column._replace(shown=column.shown and room >= 0))
        return out

    @cached_property
    def best(self) -> dict[str, float]:
        """The best value of each column where values differ."""
        out = {}
        for column in self.columns:
            values = {v for row in self.table.rows if (v := column.of(row)[0]) is not None}
            if column.better and len(values) > 1:
                out[column.key] = (min if column.better == "less" else max)(values)
        return out

    @cached_property
    def plots(self) -> list[Plot]:
        """Error against size, speed and data."""
        return plots_of(self.table)

    @cached_property
    def numbered(self) -> dict[int, Row]:
        """The rows that are drawn, by their numbers."""
        return numbered(self.table)

    @cached_property
    def far_off(self) -> list[Row]:
        """The rows that are not drawn."""
        return far_off(self.table)

    @cached_property
    def facts(self) -> str:
        """The conditions of a fair comparison that are the same for all rows."""
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

    def by_seed(self, row: Row) -> list[Line]:
        """The figures of each seed of a row."""
        runs = row.runs

        def line(title: str, texts: Iterable[str], help_: str = "") -> Line:
            return Line(title, help_, list(texts))

        figures = [
            line(m.heading, (figure(_one(run.metrics.get(m.name)), m) for run in runs), m.help)
            for m in self.metrics
        ]
        costs = [
            line("Training", (seconds(run.train_seconds) for run in runs), "wall clock"),
            line("Peak memory, MB", (megabytes(run.memory) for run in runs)),
            line("Energy, kJ", (kilojoules(run.energy) for run in runs)),
        ]
        return [one for one in [*figures, *costs] if any(one.texts)]

    def checks(self, row: Row) -> list[CheckView]:
        """The tests of age, each on all faces and on each part."""
        by_check: dict[Check, list[CheckScore]] = {}
        for score in row.checks:
            by_check.setdefault(score.check, []).append(score)
        return [
            CheckView(
                f"{check.limit}/{check.threshold}",
                _check_title(check),
                scores,
                {score.name: score.passed for score in scores},
            )
            for check, scores in by_check.items()
        ]

    def commits(self, row: Row) -> str:
        """The commits of agekit that a row was made by, ``+`` after one that was changed since."""
        return ", ".join(dict.fromkeys(run.commit for run in row.runs if run.commit))

    def others(self, row: Row) -> str:
        """The facts of a row that are not the same for all."""
        own = {k: v for k, v in row.facts.items() if k not in self.table.facts}
        if "margin" in own and "alignment" in row.facts:
            own["alignment"] = row.facts["alignment"]
        return listed(own)

    @cached_property
    def part_names(self) -> list[tuple[str, str]]:
        """The parts of the faces, each with its kind; none where no row is known on any."""
        rows = [row for row in self.table.rows if row.parts]
        return [(part.kind, part.name) for part in rows[0].parts] if rows else []

    @cached_property
    def heat(self) -> Callable[[float], int]:
        """The shade of an error on a part, 0 to 5."""
        values = [part.mae for row in self.table.rows for part in row.parts]
        low, high = min(values, default=0.0), max(values, default=0.0)

        def grade(value: float) -> int:
            return 0 if high - low < _LEAST else round((value - low) / (high - low) * _HEATS)

        return grade

    @cached_property
    def csv(self) -> str:
        """Every figure of every row, with those of the parts, as an address that holds the file."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        parts = [(p, name) for p in self.part_names for name in _OF_PARTS.values()]
        columns = ["trained_on", "scored_on", "split_hash", "rank", "method", "backbone", "seeds"]
        columns += ["low", "high", "to_baseline", "to_baseline_low", "to_baseline_high"]
        names = [metric.name for metric in self.metrics]
        columns += [*names, *(f"{name}_std" for name in names), "parameters", "train_seconds"]
        columns += ["faces_per_second", *(f"{of}/{kind}/{name}" for (kind, name), of in parts)]
        writer.writerow([*columns, "command", "to_know"])
        for row in self.table.rows:
            writer.writerow([_plain(value) for value in self._values(row)])
        text = base64.b64encode(file.getvalue().encode()).decode()
        return f"data:text/csv;charset=utf-8;base64,{text}"

    def _values(self, row: Row) -> Iterable[object]:
        table, told = self.table, row.to_baseline
        yield from (table.trained_on, table.scored_on, table.split_hash, row.rank, row.name)
        yield from (row.backbone, " ".join(str(run.seed) for run in row.runs))
        yield from (row.interval.low, row.interval.high) if row.interval else (None, None)
        yield from (told.by, told.interval.low, told.interval.high) if told else (None,) * 3
        found = [row.metrics.get(metric.name) for metric in self.metrics]
        yield from (None if one is None else one.mean for one in found)
        yield from (None if one is None else one.std for one in found)
        yield row.parameters
        yield row.train_seconds.mean if row.train_seconds else None
        yield row.rate
        mine = {(part.kind, part.name): part for part in row.parts}
        for key in self.part_names:
            for name in _OF_PARTS.values():
                yield _value(getattr(mine.get(key), name, None))
        yield from (row.command, "; ".join(row.flags))

    def part_value(self, part: PartScore, name: str) -> tuple[float, str]:
        """A metric of a part by its name: the value and its text."""
        value = _value(getattr(part, _OF_PARTS[name]))
        assert value is not None
        metric = next(metric for metric in self.metrics if metric.name == name)
        return value, figure(spread([value]), metric)

    @cached_property
    def part_metrics(self) -> list[Metric]:
        """The figures that are known of parts too."""
        return [metric for metric in self.metrics if metric.name in _OF_PARTS]


def _one(value: float | None) -> Spread | None:
    return None if value is None else spread([value])


def _value(value: float | Share | None) -> float | None:
    return value.value if isinstance(value, Share) else value


def _plain(value: object) -> object:
    """A cell of a table; no text is taken for a formula by what opens it."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return f"{value:.6g}" if isinstance(value, float) else value


def _check_title(check: Check) -> str:
    name = f"Challenge-{check.threshold}" if check.threshold > check.limit else "No challenge"
    return f"{name} for a limit of {check.limit}: who looks {check.threshold} or over passes"
