"""How far a command is with many things: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from agekit.cli._output import console

__all__ = ["progress"]

FEW = 20
EVERY_SECONDS = 10.0


@contextmanager
def progress(total: int, things: str) -> Iterator[Callable[[], None]]:
    """Gives a function to call after each; shows nothing where there are few.

    Args:
        total: how many there are.
        things: what they are, in the plural.
    """
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    screen = console()
    live = screen.is_terminal and total > FEW
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not live,
    )
    task = bar.add_task(things, total=total)
    began = told = time.monotonic()
    done = 0

    def step() -> None:
        nonlocal done, told
        done += 1
        bar.advance(task)
        now = time.monotonic()
        if not live and total > FEW and done < total and now - told >= EVERY_SECONDS:
            told = now
            rate = done / (now - began)
            left = timedelta(seconds=round((total - done) / rate))
            text = f"{done:,} of {total:,} {things}, {rate:,.1f} a second, {left} left"
            screen.print(text, highlight=False, markup=False, soft_wrap=True)

    with bar:
        yield step
