"""How figures are written: names, decimals, units."""

from __future__ import annotations

from typing import NamedTuple

from agekit_bench.report.model import Facts, Table
from agekit_bench.stats.comparison import Difference
from agekit_bench.stats.intervals import Interval, Spread

__all__ = [
    "Metric",
    "arrow",
    "count",
    "ends",
    "figure",
    "listed",
    "metrics_of",
    "seconds",
    "seeds_of",
    "share",
    "signed",
]


class Metric(NamedTuple):
    """A column of figures.

    Args:
        name: in result files.
        title: for people.
        help: one line.
        decimals: how many are shown.
        percent: whether a share is shown in %.
    """

    name: str
    title: str
    help: str
    decimals: int = 2
    percent: bool = False


_KNOWN = (
    Metric("mae", "MAE", "mean absolute error, years"),
    Metric("epsilon", "ε-error", "mean of 1 - exp(-(x - μ)² / 2σ²)", 3),
    Metric("ca3", "CA(3)", "errors below 3 years", 1, True),
    Metric("ca5", "CA(5)", "errors below 5 years", 1, True),
    Metric("ca7", "CA(7)", "errors below 7 years", 1, True),
    Metric("cs3", "CS@3", "errors of at most 3 years", 1, True),
    Metric("cs5", "CS@5", "errors of at most 5 years", 1, True),
    Metric("cs7", "CS@7", "errors of at most 7 years", 1, True),
    Metric("bias", "Bias", "mean signed error, years; above 0 faces are taken for older"),
    Metric("coverage", "Coverage", "true ages in their interval", 1, True),
    Metric("interval_width", "Width", "of the intervals, years", 1),
    Metric("max", "Max", "years added, at most", 1),
    Metric("avg", "Avg", "years added, on average", 1),
    Metric("over_10", "10+", "% of faces that change by 10 years or more", 1),
    Metric("over_15", "15+", "% of faces that change by 15 years or more", 1),
    Metric("over_20", "20+", "% of faces that change by 20 years or more", 1),
    Metric("shift", "Shift", "mean signed change, years", 1),
)
_QUIET = ("ca3", "ca7", "cs3", "cs5", "cs7", "interval_width")


def metrics_of(table: Table, every: bool = False) -> list[Metric]:
    """The columns of a table: the known figures that any row has, then the others.

    Args:
        table: of a suite; what its rows are ranked by comes first.
        every: with those that are left out for brevity, and the errors of single heads.
    """
    names = dict.fromkeys(name for row in table.rows for name in row.metrics)
    known: tuple[Metric, ...] = _KNOWN
    if (ranking := table.ranking) and all(metric.name != ranking.name for metric in _KNOWN):
        decimals = 1 if ranking.percent else 2
        of_task = Metric(ranking.name, ranking.title, ranking.help, decimals, ranking.percent)
        known = (of_task, *_KNOWN)
    told = {metric.name for metric in known}
    others = sorted(name for name in names if name not in told and "@" not in name)
    heads = sorted(name for name in names if name.startswith("mae@")) if every else []
    found = [
        *(metric for metric in known if metric.name in names),
        *(Metric(name, name, name) for name in others),
        *(Metric(n, f"MAE of {n.removeprefix('mae@')}", "of this head alone") for n in heads),
    ]
    return [metric for metric in found if every or metric.name not in _QUIET]


def figure(value: Spread | None, metric: Metric) -> str:
    """A figure over seeds: ``5.41 ± 0.03``."""
    if value is None:
        return ""
    scale = 100 if metric.percent else 1
    text = _minus(f"{value.mean * scale:.{metric.decimals}f}")
    return text if value.std is None else f"{text} ± {value.std * scale:.{metric.decimals}f}"


def signed(value: float, decimals: int = 2) -> str:
    """A difference: ``+0.12`` or ``−0.12``."""
    text = _minus(f"{value:+.{decimals}f}")
    return text[1:] if float(f"{value:.{decimals}f}") == 0 else text


def ends(interval: Interval, decimals: int = 2) -> str:
    """An interval: ``5.35 to 5.47``."""
    return " to ".join(_minus(f"{end:.{decimals}f}") for end in (interval.low, interval.high))


def arrow(difference: Difference) -> str:
    """``▼`` where a row errs less for sure, ``▲`` more; empty where that cannot be told."""
    return {True: "▼", False: "▲", None: ""}[difference.holds]


def seeds_of(difference: Difference) -> str:
    """The trainings of a difference: ``one seed``, ``3 seeds``, ``3 seeds, 1 disagrees``."""
    if difference.seeds == 1:
        return "one seed"
    opposed = difference.opposed
    more = f", {opposed} disagree{'s' if opposed == 1 else ''}" if opposed else ""
    return f"{difference.seeds} seeds{more}"


def share(value: float | None, decimals: int = 1) -> str:
    """A share in %; empty for None."""
    return "" if value is None else f"{100 * value:.{decimals}f}"


def seconds(value: float | None) -> str:
    """A duration: ``45 s``, ``12.3 min``, ``2.1 h``."""
    if value is None:
        return ""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 5400 else f"{value / 3600:.1f} h"


def count(value: float | None) -> str:
    """A number of things, by thousands; empty for None."""
    return "" if value is None else f"{value:,.0f}"


def listed(facts: Facts) -> str:
    """Facts in one line, such as ``size 64, mirror yes``."""
    words = {None: "none", True: "yes", False: "no"}
    told = {k: words[v] if v is None or isinstance(v, bool) else v for k, v in facts.items()}
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items())


def _minus(text: str) -> str:
    return text.replace("-", "−")
