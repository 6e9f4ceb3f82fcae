"""How far the chips are: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

__all__ = ["ChipProgress"]

_EVERY = 15.0
"""Seconds between two lines."""


class ChipProgress:
    """Tells how many pictures are done, how fast, and how long the rest will take.

    The time until the first picture is done, in which the processes start, does not count.

    Args:
        console: where to show it; None shows nothing.
        total: pictures to do now.
        before: pictures done or failed before.
    """

    def __init__(self, console: Console | None, total: int, before: int) -> None:
        self.console = console
        self.total = total
        self.before = before
        self.done = 0
        self.failed = 0
        self._first = self._told = time.perf_counter()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        there = f", {self.before:,} are done already" if self.before else ""
        self._line(f"making the chips of {self.total:,} pictures{there}")
        if self.console is not None and self.console.is_terminal:
            self._bar = Progress(
                TextColumn("chips"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
                console=self.console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=self.total, text="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self.done > 1:
            self._line(f"{self.done:,} of {self.total:,} done, {self._rate():,.1f} a second")

    def step(self, failed: bool) -> None:
        """One more picture is done, or failed."""
        now = time.perf_counter()
        self.done += 1
        self.failed += failed
        if self.done == 1:
            self._first = now
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, text=self._text())
        elif now - self._told >= _EVERY and self.done > 1:
            self._told = now
            self._line(f"  {self.done:,}/{self.total:,}  {self._text()}")

    def _rate(self) -> float:
        """Pictures a second since the first."""
        return (self.done - 1) / max(time.perf_counter() - self._first, 1e-9)

    def _text(self) -> str:
        if self.done < 2:
            return ""
        left = timedelta(seconds=round((self.total - self.done) / self._rate()))
        failed = f"  {self.failed:,} failed" if self.failed else ""
        return f"{self._rate():,.1f} a second  eta {left}{failed}"

    def _line(self, text: str) -> None:
        if self.console is not None:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)
