"""The columns of a table of the page: what is shown of a row, and what can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from agekit_bench.report.format import Metric, count, figure, seconds
from agekit_bench.report.model import Row

__all__ = ["Column", "columns_of", "scaled", "tenths"]


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
    return [
        *(_metric_column(metric) for metric in metrics),
        Column("parameters", "Parameters", "of the model", True, _parameters, "less"),
        Column("training", "Training", "wall clock, mean over seeds", True, _training, "less"),
        Column("rate", "Faces/s", rate, bool(rate), _rate, "more"),
        Column("train_faces", "Training faces", "", False, _train_faces),
        Column("memory", "Peak memory, MB", "while training", False, _memory, "less"),
        Column("energy", "Energy, kJ", "of training", False, _energy, "less"),
        Column("seeds", "Seeds", "trainings", False, _seeds),
    ]


def _metric_column(metric: Metric) -> Column:
    def of(row: Row) -> tuple[float | None, str]:
        value = row.metrics.get(metric.name)
        return (None if value is None else value.mean), figure(value, metric)

    return Column(metric.name, metric.heading, metric.help, metric.shown, of, metric.better)


def _parameters(row: Row) -> tuple[float | None, str]:
    return row.parameters, count(row.parameters)


def _training(row: Row) -> tuple[float | None, str]:
    value = row.train_seconds.mean if row.train_seconds else None
    return value, seconds(value)


def _rate(row: Row) -> tuple[float | None, str]:
    return row.rate, count(row.rate)


def _train_faces(row: Row) -> tuple[float | None, str]:
    value = row.facts.get("train_faces")
    return (value, count(value)) if isinstance(value, int) else (None, "")


def _memory(row: Row) -> tuple[float | None, str]:
    value = max((run.memory for run in row.runs if run.memory), default=None)
    return value, count(scaled(value, 1e6))


def _energy(row: Row) -> tuple[float | None, str]:
    known = [run.energy for run in row.runs if run.energy is not None]
    value = sum(known) / len(known) if known else None
    return value, tenths(scaled(value, 1e3))


def _seeds(row: Row) -> tuple[float | None, str]:
    return len(row.runs), str(len(row.runs))


def scaled(value: float | None, unit: float) -> float | None:
    """A value in another unit; None for None."""
    return None if value is None else value / unit


def tenths(value: float | None) -> str:
    """With one decimal; empty for None."""
    return "" if value is None else f"{value:.1f}"
