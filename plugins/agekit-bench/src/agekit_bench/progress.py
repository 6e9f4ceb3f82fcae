"""The display of a running suite: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agekit.registry import TASKS
from agekit.task import Task
from agekit_bench.cells import Cell
from agekit_bench.failure import last_lines
from agekit_bench.result import Result

__all__ = ["Counts", "ProgressTable", "progress_of"]


@dataclass
class Counts:
    """The number of cells by status.

    Attributes:
        total: of the suite, less those that lack something.
        done: finished, those of earlier runs too.
        failed: likewise.
        left: seconds still to go, as far as can be told.
    """

    total: int
    done: int = 0
    failed: int = 0
    left: float | None = None


class ProgressTable:
    """Shows the cells that are being trained.

    Args:
        console: where; None shows nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self.console = console
        self._live: Live | None = None
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        if self.console is not None and self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def line(self, text: str) -> None:
        """A line that stays."""
        if self.console is not None:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begun(self, cell: Cell, counts: Counts) -> None:
        """A cell is started; on a terminal the table says so."""
        if self._live is None:
            self.line(f"{_title(cell)}: started")

    def ended(self, cell: Cell, result: Result, counts: Counts) -> None:
        """A cell is done or has failed."""
        place = f"[{counts.done + counts.failed}/{counts.total}]"
        seconds = sum(result.wall_seconds.values())
        took = f" in {timedelta(seconds=round(seconds))}" if seconds else ""
        if result.error is not None:
            text = f"failed{took} ({result.error.kind}): {result.error.message}"
        else:
            text = f"done{took}{_score(result)}"
        self.line(f"{place} {_title(cell)}: {text}")
        for told in (f"{e.protocol}: {line}" for e in result.evaluations for line in e.remarks):
            if told not in self._told:
                self._told.add(told)
                self.line(f"  {told}")

    def show(self, running: Sequence[tuple[Cell, float, str]], counts: Counts) -> None:
        """Draws the table anew.

        Args:
            running: each cell with the seconds since it was started and how far it is.
            counts: of all.
        """
        if self._live is None:
            return
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(running))
        table.add_column("cell")
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("at", no_wrap=True)
        for cell, seconds, at in running:
            time = str(timedelta(seconds=round(seconds)))
            table.add_row(*map(Text, (_title(cell), time, at)))
        waiting = counts.total - counts.done - counts.failed - len(running)
        text = (
            f"{counts.done} done, {counts.failed} failed, {len(running)} running, {waiting} to go"
        )
        if counts.left:
            text += f"; about {timedelta(seconds=round(counts.left))} left"
        self._live.update(Group(table, Text(text, "bold")), refresh=True)


def progress_of(run: Path) -> str:
    """The progress of a run: ``generation 2, epoch 5, MAE 5.31``, of the validation."""
    record = _last_record(run / "metrics.jsonl")
    if not record:
        return "starting"
    text = f"generation {record.get('generation')}, epoch {record.get('epoch')}"
    error = record.get("val_mae")
    return text if error is None else f"{text}, MAE {error:.2f}"


def _last_record(path: Path) -> dict[str, Any]:
    """The last whole line of a run's metrics."""
    for line in reversed(last_lines(path, 4096)):
        with suppress(ValueError):
            record = json.loads(line)
            return record if isinstance(record, dict) else {}
    return {}


def _title(cell: Cell) -> str:
    return f"{cell.row}, {cell.backbone}, {cell.protocol}, seed {cell.seed}"


def _score(result: Result) -> str:
    """The figure that its task is ranked by."""
    task: Task = TASKS.get(result.kind)
    ranking = task.ranked_by
    value = result.final.metrics.get(ranking.name) if ranking else None
    if ranking is None or value is None:
        return ""
    return f", {ranking.title} {value:.1%}" if ranking.percent else f", {ranking.title} {value:.2f}"
