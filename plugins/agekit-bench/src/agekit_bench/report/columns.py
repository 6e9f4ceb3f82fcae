"""The columns of a table of the page: what is shown of a row, and what can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from agekit.tasks.estimator.metrics import Metric
from agekit_bench.report.format import count, figure, kilojoules, megabytes, seconds
from agekit_bench.report.model import Row

__all__ = ["Column", "columns_of"]


class Column(NamedTuple):
    """A column of the main table.

    Args:
        key: unique in the table.
        title: for people.
        help: one line.
        shown: whether it is shown unless others are chosen.
        of: the value of a row, None where it has none, and its text.
        better: ``less`` or ``more``; "" where neither is.
    """

    key: str
    title: str
    help: str
    shown: bool
    of: Callable[[Row], tuple[float | None, str]]
    better: str = ""


def columns_of(metrics: Sequence[Metric], rate: str) -> list[Column]:
    """Those of some metrics, then what a row costs.

    Args:
        metrics: of the table.
        rate: what the rates are of; empty where none were measured.
    """

    def seconds_of(row: Row) -> float | None:
        return row.train_seconds.mean if row.train_seconds else None

    return [
        *map(_metric_column, metrics),
        Column("parameters", "Parameters", "of the model", True, _of("parameters", count), "less"),
        Column(
            "training",
            "Training",
            "wall clock, mean over seeds",
            True,
            lambda row: (seconds_of(row), seconds(seconds_of(row))),
            "less",
        ),
        Column("rate", "Faces/s", rate, bool(rate), _of("rate", count), "more"),
        Column("train_faces", "Training faces", "", False, _of("train_faces", count)),
        Column(
            "memory", "Peak memory, MB", "while training", False, _of("memory", megabytes), "less"
        ),
        Column("energy", "Energy, kJ", "of training", False, _of("energy", kilojoules), "less"),
        Column(
            "seeds", "Seeds", "trainings", False, lambda row: (len(row.runs), str(len(row.runs)))
        ),
    ]


def _metric_column(metric: Metric) -> Column:
    def of(row: Row) -> tuple[float | None, str]:
        value = row.metrics.get(metric.name)
        return (None if value is None else value.mean), figure(value, metric)

    return Column(metric.name, metric.heading, metric.help, metric.shown, of, metric.better)


def _of(
    name: str, write: Callable[[float | None], str]
) -> Callable[[Row], tuple[float | None, str]]:
    """An attribute of a row, and its text."""
    return lambda row: (getattr(row, name), write(getattr(row, name)))
