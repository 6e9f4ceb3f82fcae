"""The page's plots, as coordinates: error against size, speed and data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agekit_bench.report.format import short
from agekit_bench.report.model import Row, Table

__all__ = ["Plot", "Point", "Tick", "far_off", "figure_of", "numbered", "plots_of"]


_LEFT, _TOP, _BOTTOM, _RIGHT, _WIDTH = 46.0, 16.0, 46.0, 48.0, 286.0
_LINE = 15.0
_LEAST_HEIGHT = 220.0
_STEPS = (1, 2, 5)
_FAR = 3.0


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where, in pixels, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Point:
    """A row of the table.

    Attributes:
        x: pixels.
        y: pixels, of the figure.
        low: pixels, of the lower end of the error's interval; None without one.
        high: pixels, of its upper end.
        number: the row's in the key.
        text_y: pixels, where that stands.
        row: the row.
        title: the row and its figures in words.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    number: int
    text_y: float
    row: Row
    title: str


@dataclass(frozen=True)
class Plot:
    """A scatter plot with a logarithmic horizontal axis.

    Attributes:
        title: what it shows.
        x_label: of the horizontal axis.
        y_label: of the vertical axis.
        width: pixels.
        height: pixels.
        left: where the axes begin.
        right: where they end.
        top: likewise.
        bottom: likewise.
        x_ticks: of the horizontal axis.
        y_ticks: of the vertical axis.
        points: the rows, from the top.
    """

    title: str
    x_label: str
    y_label: str
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: list[Point]


def figure_of(table: Table) -> tuple[str, str]:
    """The name of the figure that rows are plotted and ranked by, and its title."""
    if table.ranking is None or table.ranking.name == "mae":
        return "mae", "MAE, years"
    return table.ranking.name, table.ranking.title


def far_off(table: Table) -> list[Row]:
    """Rows that err over three times as much as the best; drawn, they leave others no room."""
    if figure_of(table)[0] != "mae":
        return []
    errors = [row.metrics["mae"].mean for row in table.rows if "mae" in row.metrics]
    most = _FAR * min(errors, default=0.0)
    return [row for row in table.rows if "mae" in row.metrics and row.metrics["mae"].mean > most]


def numbered(table: Table) -> dict[int, Row]:
    """The rows that are drawn, by their numbers in the key: 1 is the first of the table."""
    name, _ = figure_of(table)
    far = far_off(table)
    drawn = [row for row in table.rows if name in row.metrics and row not in far]
    return dict(enumerate(drawn, 1))


def plots_of(table: Table) -> list[Plot]:
    """The plots of a table; one is left out where all rows have one place, or but one is known."""
    rows = numbered(table)
    word = "Error" if figure_of(table)[0] == "mae" else figure_of(table)[1]
    wanted: tuple[tuple[str, str, Callable[[Row], float | int | None]], ...] = (
        (f"{word} and size", "parameters", lambda row: row.parameters),
        (f"{word} and speed", "faces a second", lambda row: row.rate),
        (f"{word} and data", "training faces", lambda row: row.train_faces),
    )
    plots = [_plot(table, rows, of, title, label) for title, label, of in wanted]
    return [plot for plot in plots if plot is not None]


def _plot(
    table: Table,
    rows: dict[int, Row],
    of: Callable[[Row], float | int | None],
    title: str,
    x_label: str,
) -> Plot | None:
    known = [(number, row, float(x)) for number, row in rows.items() if (x := of(row))]
    if len({x for _, _, x in known}) < 2:
        return None
    name, y_label = figure_of(table)
    bounds = [_bounds(row, name) for _, row, _ in known]
    y_low, y_high = _widened(min(low for low, _ in bounds), max(high for _, high in bounds), 0.2)
    least, most = min(x for *_, x in known), max(x for *_, x in known)
    x_low, x_high = _widened(math.log10(least), math.log10(most), 0.12)
    height = max(_LEAST_HEIGHT, _LINE * len(known))
    bottom, right = _TOP + height, _LEFT + _WIDTH

    def across(value: float) -> float:
        return round(_LEFT + (math.log10(value) - x_low) / (x_high - x_low) * _WIDTH, 1)

    def down(value: float) -> float:
        return round(bottom - (value - y_low) / (y_high - y_low) * height, 1)

    ordered = sorted(known, key=lambda one: (-one[1].metrics[name].mean, one[0]))
    places = _apart([down(row.metrics[name].mean) for _, row, _ in ordered], _TOP, bottom)
    points = [
        Point(
            x=across(x),
            y=down(row.metrics[name].mean),
            low=None if row.interval is None or name != "mae" else down(row.interval.low),
            high=None if row.interval is None or name != "mae" else down(row.interval.high),
            number=number,
            text_y=text_y,
            row=row,
            title=f"{row.name}: {y_label} {row.metrics[name].mean:.2f}, {short(x)} {x_label}",
        )
        for (number, row, x), text_y in zip(ordered, places, strict=True)
    ]
    return Plot(
        title=title,
        x_label=x_label,
        y_label=y_label,
        width=right + _RIGHT,
        height=bottom + _BOTTOM,
        left=_LEFT,
        right=right,
        top=_TOP,
        bottom=bottom,
        x_ticks=[Tick(across(v), short(v)) for v in _log_ticks(10**x_low, 10**x_high)],
        y_ticks=[Tick(down(v), text) for v, text in _ticks(y_low, y_high)],
        points=points,
    )


def _bounds(row: Row, name: str) -> tuple[float, float]:
    mean = row.metrics[name].mean
    known = row.interval if name == "mae" else None
    return (mean, mean) if known is None else (known.low, known.high)


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    more = max((high - low) * 0.08, least / 2)
    return low - more, high + more


def _apart(places: Sequence[float], top: float, bottom: float) -> list[float]:
    """Ascending places moved as little as need be to lie a line apart, from top to bottom."""
    out: list[float] = []
    for place in places:
        out.append(max(place, out[-1] + _LINE) if out else max(place, top))
    limit = bottom
    for i in reversed(range(len(out))):
        out[i] = round(min(out[i], limit), 1)
        limit = out[i] - _LINE
    return out


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (*_STEPS, 10) if s * power >= raw)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step)
    return [
        (i * step, f"{i * step:.{decimals}f}") for i in range(first, math.floor(high / step) + 1)
    ]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [s * 10.0**p for p in powers for s in _STEPS]
    ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) > 7:
        ticks = [tick for tick in ticks if f"{tick:.0e}".startswith("1")]
    return ticks if len(ticks) > 1 else [float(f"{v:.2g}") for v in (low * 1.1, high * 0.9)]
