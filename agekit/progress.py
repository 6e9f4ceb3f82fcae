"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from agekit.errors import counted

__all__ = ["FEW", "ProgressBar", "bar", "decoding", "print_line", "transfers"]

FEW = 20
"""Things that are soon done; a command shows no progress of as few."""
EVERY_SECONDS = 10.0
"""Between two lines where there is no terminal."""


def print_line(console: Console | None, text: str) -> None:
    """Prints a line as it is, with no markup, colours or folding; None prints nothing."""
    if console is not None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def bar(console: Console, label: str) -> Progress:
    """A bar of counted steps, with a `text` field behind it; it vanishes at the end.

    Args:
        console: a terminal.
        label: of the bar; may hold ``{task.fields[name]}``.
    """
    return Progress(
        TextColumn(label),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        console=console,
        transient=True,
        # A redirected stdout would be swallowed by the bar's console, which may be stderr.
        redirect_stdout=sys.stdout.isatty(),
    )


class ProgressBar:
    """Counts what is done, and tells how fast that goes and how long the rest will take.

    Args:
        console: where to show it; None shows nothing.
        things: what is counted, in the plural, as in ``faces aged``.
        total: how many there are to do; None where `at` tells it.
        few: as few are not shown.
    """

    def __init__(
        self, console: Console | None, things: str, total: int | None = None, *, few: int = 0
    ) -> None:
        self.console = console
        self.things = things
        self.total = total
        self.done = 0
        self.failed = 0
        self._few = few
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        self._began = self._told = time.monotonic()
        self._first = (self._began, 0)
        if self.total is not None:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def rate(self) -> float:
        """Things done a second.

        The first step does not count once there is another: models are loaded in it, and processes
        started.
        """
        began, before = self._first if self.done > self._first[1] else (self._began, 0)
        return (self.done - before) / max(time.monotonic() - began, 1e-9)

    def step(self, more: int = 1, failed: int = 0) -> None:
        """Counts `more` that are done, `failed` of them in vain."""
        self.failed += failed
        self.at(self.done + more, self.total)

    def at(self, done: int, total: int | None) -> None:
        """Sets how many are done of how many."""
        now = time.monotonic()
        if not self.done:
            self._first = (now, done)
        self.done = done
        if self.total is None and total is not None:
            self.total = total
            self._start()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, text=self._text())
        elif self._few < (self.total or 0) > done and now - self._told >= EVERY_SECONDS:
            self._told = now
            text = f"{done:,} of {self.total:,} {self.things}, {self._text()}"
            print_line(self.console, text.removesuffix(", "))

    def _start(self) -> None:
        live = self.console is not None and self.console.is_terminal
        if live and self.console is not None and (self.total or 0) > self._few:
            self._bar = bar(self.console, self.things)
            self._task = self._bar.add_task("", total=self.total, text="")
            self._bar.start()

    def _text(self) -> str:
        told = []
        if self.total is not None and self.done > self._first[1]:
            left = timedelta(seconds=round((self.total - self.done) / self.rate))
            told = [f"{self.rate:,.1f} a second, {left} left"]
        return ", ".join([*told, *([f"{self.failed:,} failed"] if self.failed else [])])


@contextmanager
def decoding(console: Console | None, size: int) -> Iterator[Callable[[int, int], None]]:
    """Shows how images are decoded into the cache, if any are.

    Args:
        console: where to show it; None shows nothing.
        size: the side they are decoded at, pixels.

    Returns:
        Gives a function to be told how many images are done of how many.
    """
    with ProgressBar(console, "images decoded") as progress:

        def tell(done: int, total: int) -> None:
            if progress.total is None:
                print_line(
                    console, f"decoding {counted(total, 'image')} into the cache at {size} px"
                )
            progress.at(done, total)

        yield tell
    if progress.done:
        print_line(
            console, f"decoded {counted(progress.done, 'image')}, {progress.rate:,.0f} a second"
        )


@contextmanager
def transfers(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Shows how files are fetched or sent, a bar each, on a terminal alone.

    Args:
        console: where to show it.

    Returns:
        Gives a function to be told a file's name, its bytes that are here, and all its bytes.
    """
    bars = Progress(
        *Progress.get_default_columns()[:2],
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def tell(name: str, done: int, size: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name)
        bars.update(tasks[name], completed=done, total=size)

    with bars:
        yield tell
