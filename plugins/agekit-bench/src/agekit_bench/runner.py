"""Running a suite: its cells a few at a time, until each is done or has failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from agekit.errors import ConfigError, counted, one_line
from agekit_bench.catalog import save_snapshot
from agekit_bench.cells import Cell, takes_judges, whole_name
from agekit_bench.cost import Rates, pixels
from agekit_bench.datasets import DatasetLocation, cross_specs
from agekit_bench.launch import attempt, write_failure
from agekit_bench.plan import CellStatus, plan
from agekit_bench.process import RUN
from agekit_bench.progress import Counts, ProgressTable, progress_of
from agekit_bench.result import Result
from agekit_bench.result_files import is_kept, read_result
from agekit_bench.spec import CellSpec, CrossSpec, threads_for
from agekit_bench.suite import Suite
from agekit_bench.workers import Jobs, Options, Submit, devices, terminating, threads

__all__ = ["run_suite"]


_TICK = 0.5
_ELSEWHERE = 2.0
"""Seconds until a cell that another runner has is asked for again."""


def run_suite(
    suite: Suite,
    found: Sequence[Cell],
    out: Path,
    *,
    places: Mapping[str, DatasetLocation],
    weights: Mapping[str, str] | None = None,
    options: Options | None = None,
    console: Console | None = None,
) -> list[CellStatus]:
    """Trains the cells that are not done; a stopped one goes on from where it was.

    Args:
        suite: the suite.
        found: its cells, see `agekit_bench.cells.cells`.
        out: where results go.
        places: where the datasets lie, see `agekit_bench.plan.locate_datasets`.
        weights: models to start from, by the name that rows know them by.
        options: how.
        console: where to show it; None shows nothing.

    Returns:
        Where every cell stands at the end.

    Raises:
        ConfigError: there is nothing that can be run, or the cluster is not to be had.
        KeyboardInterrupt: it was stopped, also by SIGTERM; no process is left behind.
    """
    return _Runner(suite, found, out, places, weights or {}, options or Options(), console).run()


@dataclass
class _Running:
    cell: Cell
    spec: CellSpec
    future: Any
    slot: int
    began: float


class _Runner:
    def __init__(
        self,
        suite: Suite,
        found: Sequence[Cell],
        out: Path,
        places: Mapping[str, DatasetLocation],
        weights: Mapping[str, str],
        options: Options,
        console: Console | None,
    ) -> None:
        self.suite = suite
        self.found = found
        self.out = out
        self.places = places
        self.weights = weights
        self.options = options
        self.board = ProgressTable(console)
        self.cross = cross_specs(suite, places)
        self.stop = threading.Event()
        self.running: list[_Running] = []
        self.retries: dict[str, str] = {}
        self.not_before: dict[str, float] = {}
        self.todo: list[Cell] = []
        self.settled: dict[str, str] = {}
        self.rates = Rates(per_image=pixels)
        self.machine = ""
        self.devices = devices(options.device, options.jobs if options.cluster is None else 1)

    def run(self) -> list[CellStatus]:
        """Until nothing is left to do."""
        started = plan(self.found, self.out, self.places, self.weights)
        self._sort(started)
        counts = Counts(total=sum(p.state != "waiting" for p in started))
        counts.done = sum(state == "done" for state in self.settled.values())
        counts.failed = sum(state == "failed" for state in self.settled.values())
        self._introduce(started, counts)
        save_snapshot(self.suite, self.out)
        with terminating(), self.board, self._workers() as submit:
            try:
                while self.todo or self.running:
                    self._start(submit, counts)
                    self._collect(counts)
                    self._show(counts)
                    time.sleep(_TICK if self.running or self.todo else 0)
            except BaseException:
                self.stop.set()
                self._cancel()
                raise
        return plan(self.found, self.out, self.places, self.weights)

    def _sort(self, started: Sequence[CellStatus]) -> None:
        """Sorts cells into those to do and those settled."""
        again = self.options.retry_failed
        for planned in started:
            name = planned.cell.name
            if planned.state == "failed" and again and planned.result is not None:
                self.retries[name] = planned.result.started
                self.todo.append(planned.cell)
            elif planned.state in ("new", "begun") or (planned.state == "blocked" and again):
                self.todo.append(planned.cell)
            else:
                self.settled[name] = planned.state

    def _introduce(self, started: Sequence[CellStatus], counts: Counts) -> None:
        if not counts.total:
            lacking = sorted({planned.why for planned in started})
            raise ConfigError(
                [f"no cell of {self.suite.name!r} can be run without {why}" for why in lacking],
                "give what is lacking",
            )
        waiting = [planned for planned in started if planned.state == "waiting"]
        self.board.line(
            f"{self.suite.name}: {counted(len(started), 'cell')}, {counts.done} done, "
            f"{counts.failed} failed, {len(self.todo)} to run, {len(waiting)} waiting; "
            f"results go to {self.out}"
        )
        for why in sorted({planned.why for planned in waiting}):
            count = sum(planned.why == why for planned in waiting)
            self.board.line(
                f"  {counted(count, 'cell is', 'cells are')} left out for want of {why}"
            )
        for cross in self.suite.cross:
            if lacking_root := self.places[cross.dataset].lacking:
                self.board.line(f"  not scored on {lacking_root}")
        for planned in started:
            if planned.state == "new" and planned.why:
                self.board.line(f"  done anew: {planned.why}")

    def _start(self, submit: Submit, counts: Counts) -> None:
        """Starts what can be started now."""
        free = [s for s in range(self._width()) if all(r.slot != s for r in self.running)]
        while free and (cell := self._next()) is not None:
            slot = free.pop(0)
            self.todo.remove(cell)
            spec = self._spec(cell, slot)
            future = submit(
                attempt,
                cell.folder(self.out).absolute(),
                spec,
                timeout=self.options.timeout,
                retry=self.retries.get(cell.name),
            )
            self.running.append(_Running(cell, spec, future, slot, time.monotonic()))
            if cell.name not in self.not_before:
                self.board.begun(cell, counts)

    def _width(self) -> int:
        """The most cells that may be running."""
        if self.options.cluster is not None and self.options.jobs == 1:
            return len(self.found)
        return self.options.jobs

    def _next(self) -> Cell | None:
        """The first cell that needs nothing that is still to come."""
        now = time.monotonic()
        for cell in list(self.todo):
            if self.not_before.get(cell.name, 0.0) > now:
                continue
            source = None if cell.after is None else self.settled.get(cell.after)
            if cell.after is None or source == "done":
                return cell
            if source is not None:
                self.todo.remove(cell)
                self.settled[cell.name] = "blocked"
                self.board.line(f"{cell.row}, seed {cell.seed}: left out, as {cell.after} failed")
        return None

    def _spec(self, cell: Cell, slot: int) -> CellSpec:
        weights = self.weights.get(cell.init or "")
        if cell.after is not None:
            source = next(c for c in self.found if c.name == cell.after)
            weights = str((source.folder(self.out) / RUN).absolute())
        place, judges = self.places[cell.dataset], self.options.judges or self.suite.judges
        return CellSpec.of(
            cell,
            self.out,
            root=None if place.root is None else place.root.absolute(),
            columns=dict(place.columns),
            weights=weights,
            device=self.devices[slot % len(self.devices)],
            threads=threads_for(self.options.jobs if self.options.cluster is None else 1),
            cross=self._cross(cell),
            judges=list(judges) if takes_judges(cell.kind) else [],
            alignment=self.suite.alignment,
        )

    def _cross(self, cell: Cell) -> list[CrossSpec]:
        """The other datasets that the cell is scored on; its own protocol is none of them."""
        if takes_judges(cell.kind):
            return []
        return [rule for rule in self.cross if whole_name(rule)[1] != cell.protocol]

    def _collect(self, counts: Counts) -> None:
        """Takes what has ended."""
        for item in [r for r in self.running if r.future.done()]:
            self.running.remove(item)
            result = self._result(item)
            if result is None:
                if item.cell.name not in self.not_before:
                    self.board.line(f"{item.cell.name}: another runner is at it")
                self.not_before[item.cell.name] = time.monotonic() + _ELSEWHERE
                self.todo.append(item.cell)
                continue
            self.settled[item.cell.name] = result.status
            self.rates.learn(result)
            self.machine = result.machine.device if result.machine else self.machine
            if item.cell.name in self.retries:
                counts.failed -= 1
            counts.done += result.status == "done"
            counts.failed += result.status != "done"
            self.board.ended(item.cell, result, counts)

    def _result(self, item: _Running) -> Result | None:
        """The result of an attempt; a job that the cluster ended is a failure of its cell."""
        try:
            result: Result | None = item.future.result()
        except Exception as error:
            if self.options.cluster is None:
                raise
            if is_kept(item.spec.result):
                return read_result(item.spec.result)
            seconds = time.monotonic() - item.began
            started = datetime.now(UTC) - timedelta(seconds=seconds)
            folder, text = item.cell.folder(self.out).absolute(), one_line(error)[-300:]
            return write_failure(folder, item.spec, "killed", f"job: {text}", started, seconds)
        return result

    def _show(self, counts: Counts) -> None:
        now = time.monotonic()
        begun = [(r.cell, now - r.began) for r in self.running]
        counts.left = self.rates.left(self.todo, begun, self._width(), self.machine)
        shown = [(cell, t, progress_of(cell.folder(self.out) / RUN)) for cell, t in begun]
        self.board.show(shown, counts)

    def _workers(self) -> AbstractContextManager[Submit]:
        options = self.options
        if options.cluster is not None:
            return nullcontext(Jobs(options.cluster, self.out / "jobs", options.settings).submit)
        return threads(options.jobs, self.stop)

    def _cancel(self) -> None:
        for item in self.running:
            with suppress(Exception):
                item.future.cancel()
