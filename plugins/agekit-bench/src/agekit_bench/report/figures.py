"""The page's plots, as coordinates: error against size, and against speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agekit_bench.report.model import Row, Table

__all__ = ["Plot", "Point", "Tick", "far_off", "plots_of", "short"]


_LEFT, _TOP, _BOTTOM, _WIDTH = 56.0, 16.0, 46.0, 360.0
_MARGIN, _LETTER = 30.0, 6.8
_LINE = 16.0
_LEAST_HEIGHT = 240.0
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
        y: pixels, of the error.
        low: pixels, of the lower end of the error's interval; None without one.
        high: pixels, of its upper end.
        text: its label.
        text_y: pixels, where that stands.
        anchor: of the row on the page.
        is_best: whether it has rank 1 without a note.
        is_baseline: whether it is the baseline.
        title: what is told of it in words.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    text: str
    text_y: float
    anchor: str
    is_best: bool
    is_baseline: bool
    title: str


@dataclass(frozen=True)
class Plot:
    """A scatter plot with a logarithmic horizontal axis.

    Attributes:
        title: what it shows.
        x_label: of the horizontal axis.
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
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: list[Point]


def far_off(rows: Sequence[Row]) -> list[Row]:
    """Rows that err over three times as much as the best; drawn, they leave others no room."""
    errors = [row.metrics["mae"].mean for row in rows if "mae" in row.metrics]
    most = _FAR * min(errors, default=0.0)
    return [row for row in rows if "mae" in row.metrics and row.metrics["mae"].mean > most]


def plots_of(table: Table) -> list[Plot]:
    """The plots of a table; one is left out where fewer than two rows have its figures."""
    far = far_off(table.rows)
    rows = [row for row in table.rows if row not in far]
    sizes = [None if row.parameters is None else float(row.parameters) for row in rows]
    rates = [row.rate for row in rows]
    wanted = (
        ("Error and size", "parameters", sizes),
        ("Error and speed", f"faces a second: {table.rate_of}", rates),
    )
    plots = [_plot(rows, xs, title, label) for title, label, xs in wanted]
    return [plot for plot in plots if plot is not None]


def short(value: float) -> str:
    """A large number in at most three digits: ``1.2 M``, ``830 k``, ``41``."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _plot(rows: Sequence[Row], xs: Sequence[float | None], title: str, x_label: str) -> Plot | None:
    known = [(row, x) for row, x in zip(rows, xs, strict=True) if x and "mae" in row.metrics]
    if len(known) < 2:
        return None
    bounds = [_bounds(row) for row, _ in known]
    y_low, y_high = _widened(min(low for low, _ in bounds), max(high for _, high in bounds), 0.2)
    least, most = min(x for _, x in known), max(x for _, x in known)
    x_low, x_high = _widened(math.log10(least), math.log10(most), 0.12)
    height = max(_LEAST_HEIGHT, _LINE * len(known))
    bottom, right = _TOP + height, _LEFT + _WIDTH

    def across(value: float) -> float:
        return round(_LEFT + (math.log10(value) - x_low) / (x_high - x_low) * _WIDTH, 1)

    def down(value: float) -> float:
        return round(bottom - (value - y_low) / (y_high - y_low) * height, 1)

    ordered = sorted(known, key=lambda item: (item[0].metrics["mae"].mean, item[0].label))[::-1]
    texts = _apart([down(row.metrics["mae"].mean) for row, _ in ordered], _TOP, bottom)
    points = [
        Point(
            x=across(x),
            y=down(row.metrics["mae"].mean),
            low=None if row.interval is None else down(row.interval.low),
            high=None if row.interval is None else down(row.interval.high),
            text=_clipped(_full(row) if _is_shared(row, rows) else row.label),
            text_y=text_y,
            anchor=row.anchor,
            is_best=row.is_best,
            is_baseline=row.is_baseline,
            title=f"{_full(row)}: MAE {row.metrics['mae'].mean:.2f}, {short(x)} {x_label}",
        )
        for (row, x), text_y in zip(ordered, texts, strict=True)
    ]
    return Plot(
        title=title,
        x_label=x_label,
        width=round(right + _MARGIN + _LETTER * max(len(point.text) for point in points), 1),
        height=bottom + _BOTTOM,
        left=_LEFT,
        right=right,
        top=_TOP,
        bottom=bottom,
        x_ticks=[Tick(across(v), short(v)) for v in _log_ticks(10**x_low, 10**x_high)],
        y_ticks=[Tick(down(v), text) for v, text in _ticks(y_low, y_high)],
        points=points,
    )


def _bounds(row: Row) -> tuple[float, float]:
    mean = row.metrics["mae"].mean
    return (mean, mean) if row.interval is None else (row.interval.low, row.interval.high)


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    more = max((high - low) * 0.08, least / 2)
    return low - more, high + more


def _is_shared(row: Row, rows: Sequence[Row]) -> bool:
    return sum(other.label == row.label for other in rows) > 1


def _full(row: Row) -> str:
    return f"{row.label} · {row.detail}" if row.detail else row.label


def _clipped(text: str) -> str:
    return text if len(text) <= 34 else f"{text[:33]}…"


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
