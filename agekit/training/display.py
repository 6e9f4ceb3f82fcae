"""The display of a training: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from agekit.progress import bar, print_line

__all__ = ["Display", "Watched", "format_losses"]

_EVERY_SECONDS = 60.0
"""Between two lines of a long epoch where there is no terminal."""


@dataclass(frozen=True)
class Watched:
    """The figure that compares epochs and generations on the validation split: less is better.

    Attributes:
        key: of the split's metrics.
        label: for people.
    """

    key: str = "mae"
    label: str = "MAE"

    def text(self, value: float) -> str:
        """The figure as people read it."""
        return f"{self.label} {value:.2f}"


class Display:
    """Shows the progress of a run and keeps it in the run's log.

    Args:
        console: where to show it; None shows nothing.
        log: the log file; lines are appended; None keeps none.
    """

    def __init__(self, console: Console | None, log: Path | None) -> None:
        self.console = console
        self.log = log
        self._progress: Progress | None = None
        self._started = self._told = 0.0

    def line(self, text: str) -> None:
        """A line for the person and for the log."""
        if self.log is not None:
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        print_line(self.console, text)

    def start(self, generation: int, epochs: int, steps: int, done: int) -> None:
        """Begins a generation of `epochs` epochs of `steps` steps, of which `done` are done."""
        name = f"generation {generation}"
        self.line(name + (f", from epoch {done // steps + 1}" if done else ""))
        self._started, self._first = time.perf_counter(), done
        self._told = self._started
        self._epochs, self._steps = epochs, steps
        if self.console is not None and self.console.is_terminal:
            self._progress = bar(self.console, f"epoch {{task.fields[epoch]}}/{epochs}")
            self._task = self._progress.add_task("", total=steps, epoch=1, text="")
            self._progress.start()

    def step(
        self,
        epoch: int,
        step: int,
        total_step: int,
        rate: float,
        losses: Mapping[str, float],
        best: str | None,
    ) -> None:
        """Shows where training is; `rate` in images a second, `best` as people read it."""
        now = time.perf_counter()
        if self._progress is None and now - self._told < _EVERY_SECONDS:
            return
        spent = now - self._started
        total = self._epochs * self._steps
        left = spent / max(total_step - self._first, 1) * (total - total_step)
        eta = timedelta(seconds=round(left))
        text = f"{rate:,.0f} img/s  eta {eta}  loss {losses['loss']:.3f}"
        if best is not None:
            text += f"  best {best}"
        if self._progress is not None:
            self._progress.update(self._task, completed=step, epoch=epoch, text=text)
        elif step < self._steps:  # the end of an epoch has a line of its own
            self._told = now
            where = f"  epoch {epoch:>3}/{self._epochs}, step {step}/{self._steps}"
            print_line(self.console, f"{where}  {text}")

    def epoch(
        self, record: Mapping[str, Any], epochs: int, watched: Watched, best: float | None
    ) -> None:
        """One line about a finished epoch; `best` is the least of what is watched so far."""
        text = f"  epoch {record['epoch']:>3}/{epochs}  {format_losses(record['losses'])}"
        text += f"  {record['images_per_second']:,.0f} img/s"
        if (value := record.get(f"val_{watched.key}")) is not None:
            text += f"  val {watched.text(value)}"
            if best is not None:
                text += f" (best {best:.2f})"
        self._told = time.perf_counter()
        self.line(text)

    def stop(self) -> None:
        """Ends a generation's live display."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def format_losses(losses: Mapping[str, float]) -> str:
    """``loss 3.912 (cross-entropy 3.602, l1 0.310)``; one term that is the sum is not repeated."""
    terms = {name: f"{value:.3f}" for name, value in losses.items() if name != "loss"}
    total = f"{losses['loss']:.3f}"
    told = ", ".join(f"{name} {value}" for name, value in terms.items())
    return f"loss {total}" + ("" if [*terms.values()] in ([], [total]) else f" ({told})")
