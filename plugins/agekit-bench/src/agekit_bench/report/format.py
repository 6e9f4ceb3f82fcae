"""The formatting of figures: names, decimals, units."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agekit.tasks.estimator.metrics import METRICS, Metric
from agekit_bench.report.model import Facts, Table
from agekit_bench.stats.comparison import Difference
from agekit_bench.stats.intervals import Interval, Spread

__all__ = [
    "arrow",
    "count",
    "cut_in_words",
    "ends",
    "figure",
    "kilojoules",
    "listed",
    "megabytes",
    "metrics_of",
    "plus_minus",
    "seconds",
    "seeds_of",
    "share",
    "short",
    "signed",
]


_KNOWN = (
    *METRICS,
    Metric("max", "Max", "years added, at most", 1, better="more", shown=False),
    Metric("avg", "Avg", "years added, on average", 1, better="more"),
    *(
        Metric(
            f"over_{n}",
            f"{n}+, %",
            f"faces that change by {n} years or more",
            1,
            False,
            "more",
            n == 10,
        )
        for n in (10, 15, 20)
    ),
    Metric("shift", "Shift", "mean signed change, years", 1),
)
_OF_AGERS = (
    (
        re.compile("(old|young)/judges/(.+)/shift"),
        Metric(
            "", "Shift, {way} ({judge})", "mean signed change in years, as {judge} judges it", 1
        ),
    ),
    (
        re.compile("(old|young)/identity/(cosine)"),
        Metric("", "Identity, {way}", "likeness to the same person before, -1 to 1", better="more"),
    ),
    (
        re.compile("(old|young)/kid_(.+)/value"),
        Metric(
            "",
            "KID, {way} ({judge})",
            "distance to real faces of that age in the features of {judge}; near 0 is alike",
            4,
            better="less",
        ),
    ),
)
"""The figures of faces made older or younger that are shown, by their paths."""


def metrics_of(table: Table, every: bool = False) -> list[Metric]:
    """The columns of a table: the known figures that any row has, then the others.

    Args:
        table: of a suite; what its rows are ranked by comes first.
        every: with those that are left out for brevity, and the errors of single heads.
    """
    names = dict.fromkeys(name for row in table.rows for name in row.metrics)
    known: tuple[Metric, ...] = _KNOWN
    if ranking := table.ranking:
        of_task = Metric(
            ranking.name,
            ranking.title,
            ranking.help,
            next(
                (m.decimals for m in _KNOWN if m.name == ranking.name), 1 if ranking.percent else 2
            ),
            ranking.percent,
            "more" if ranking.higher else "less",
        )
        known = (of_task, *(metric for metric in _KNOWN if metric.name != ranking.name))
    others = sorted(names.keys() - {metric.name for metric in known})
    found = [
        *(metric for metric in known if metric.name in names),
        *(_other(name) for name in others if "@" not in name),
        *(_of_head(name) for name in others if name.startswith("mae@")),
    ]
    return [metric for metric in found if every or metric.shown]


def _other(name: str) -> Metric:
    for pattern, metric in _OF_AGERS:
        if match := pattern.fullmatch(name):
            way = {"old": "made older", "young": "made younger"}[match[1]]
            title, told = (text.format(way=way, judge=match[2]) for text in metric[1:3])
            return metric._replace(name=name, title=title, help=told)
    return Metric(name, name.replace("/", " · "), name, shown="/" not in name)


def _of_head(name: str) -> Metric:
    title = f"MAE of {name.removeprefix('mae@')}"
    return Metric(name, title, "of this head alone", better="less", shown=False)


def figure(value: Spread | None, metric: Metric) -> str:
    """A figure over seeds: ``5.41 ± 0.03``."""
    if value is None:
        return ""
    return plus_minus(value, metric.decimals, 100 if metric.percent else 1)


def plus_minus(value: Spread, decimals: int, scale: float = 1) -> str:
    """A mean over seeds and its deviation, where there are several: ``5.41 ± 0.03``."""
    text = _minus(f"{value.mean * scale:.{decimals}f}")
    return text if value.std is None else f"{text} ± {value.std * scale:.{decimals}f}"


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


def megabytes(value: float | None) -> str:
    """Bytes in MB, by thousands; empty for None."""
    return count(None if value is None else value / 1e6)


def kilojoules(value: float | None) -> str:
    """Joules in kJ, with one decimal; empty for None."""
    return "" if value is None else f"{value / 1e3:.1f}"


def short(value: float) -> str:
    """A large number in at most three digits: ``1.2 M``, ``830 k``, ``41``."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def cut_in_words(alignment: object, margin: object) -> str:
    """The cut of faces in words, such as ``faces cut tighter than the detector does``.

    Args:
        alignment: ``five-points``, ``chips`` or ``whole``.
        margin: what is added on every side, as a share of the standard frame's side.
    """
    if alignment != "five-points" or not isinstance(margin, int | float):
        return _CUTS.get(str(alignment), f"alignment {_word(alignment)}, margin {_word(margin)}")
    if abs(margin) < _SAME_FRAME:
        return "faces cut as the detector does"
    than = "tighter" if margin < 0 else "wider"
    return f"faces cut {than} than the detector does ({1 + 2 * margin:.0%} of its frame)"


_SAME_FRAME = 0.005
_CUTS = {
    "chips": "faces as the data has them cut",
    "five-points": "faces aligned by five points",
    "whole": "middle squares of photos",
}


def listed(facts: Facts) -> str:
    """Facts in one line of plain words, such as ``images of 64 x 64 pixels``."""
    out = []
    for key, value in facts.items():
        if key == "alignment":
            out.append(cut_in_words(value, facts.get("margin")))
        elif key != "margin" or "alignment" not in facts:
            out.append(_fact(key, value))
    return "; ".join(out)


_FACTS: Mapping[tuple[str, object], str] = {
    ("initialisation", "scratch"): "trained from scratch",
    ("initialisation", "pretrained"): "started from weights trained before",
    ("mirror", True): "estimates averaged with those of the mirror images",
    ("mirror", False): "estimates of the images alone, not of mirror images",
}
_FACTS_WITH = {
    "initialisation": "started from {}",
    "size": "images of {0} x {0} pixels",
    "rule": "age read as the {} of the distribution",
    "judges": "judged by {}",
}


def _fact(key: str, value: str | int | float | bool | None) -> str:
    if found := _FACTS.get((key, value)):
        return found
    if key == "train_faces" and isinstance(value, int):
        return f"{value:,} training faces"
    if key in _FACTS_WITH and value is not None:
        return _FACTS_WITH[key].format(value)
    return f"{key.replace('_', ' ')} {_word(value)}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _minus(text: str) -> str:
    return text.replace("-", "−")
