"""How far the files from the Hub are, as bars on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agekit.cli._output import console
from agekit.zoo.hub.model import Progress

__all__ = ["transfer_bars"]


@contextmanager
def transfer_bars() -> Iterator[Progress]:
    """Gives a function to be told of a file's name, its bytes that are here, and all its bytes."""
    from rich import progress

    screen = console()
    bars = progress.Progress(
        *progress.Progress.get_default_columns()[:2],
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=screen,
        transient=True,
        redirect_stdout=False,
        disable=not screen.is_terminal,
    )
    tasks: dict[str, progress.TaskID] = {}

    def tell(name: str, done: int, size: int) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name)
        bars.update(tasks[name], completed=done, total=size)

    with bars:
        yield tell
