"""How the decoding of images into the cache is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, TimeRemainingColumn

from agekit.training.display import Display

__all__ = ["caching"]


@contextmanager
def caching(display: Display, size: int) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to be told (images done, images to do); shows nothing where it is not."""
    began = time.perf_counter()
    last = [0, 0]
    live = display.console is not None and display.console.is_terminal
    bar = Progress(
        *Progress.get_default_columns()[:3],
        TimeRemainingColumn(),
        console=display.console,
        transient=True,
        disable=not live,
    )
    task = bar.add_task(f"decoding at {size} px", total=None)

    def tell(done: int, todo: int) -> None:
        if not last[1]:
            display.line(f"decoding {todo:,} images into the cache at {size} px")
            bar.start()
        last[:] = done, todo
        bar.update(task, completed=done, total=todo)

    try:
        yield tell
    finally:
        bar.stop()
    if last[1]:
        rate = last[0] / (time.perf_counter() - began)
        display.line(f"decoded {last[0]:,} images, {rate:,.0f} a second")
