"""How far something is with many faces: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from agekit.training.display import Display

__all__ = ["counting"]

EVERY_SECONDS = 10.0


@contextmanager
def counting(display: Display, total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Gives a function to be told how many more are done.

    Args:
        display: where to show it.
        total: how many there are to do.
        what: what is done with what, as in ``faces aged``.
    """
    live = display.console is not None and display.console.is_terminal
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=display.console,
        transient=True,
        disable=not live,
    )
    task = bar.add_task(what, total=total)
    began = told = time.monotonic()
    done = 0

    def step(more: int) -> None:
        nonlocal done, told
        done += more
        bar.advance(task, more)
        now = time.monotonic()
        if not live and done < total and now - told >= EVERY_SECONDS:
            told = now
            display.line(f"{done:,} of {total:,} {what}, {done / (now - began):,.1f} a second")

    with bar:
        yield step
