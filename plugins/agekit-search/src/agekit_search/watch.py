"""The hook that reports a trial's epochs to its search, and ends it as soon as enough is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from mmengine.hooks import Hook

from agekit.errors import AgekitError, DataError
from agekit.recipe import TrainConfig

__all__ = ["HOOK", "Over", "Watch", "WatchHook", "watching"]

HOOK = "search-watch"
"""What recipes call the hook."""


class Over(AgekitError):
    """Ends a trial of which enough is known; no fault of any part."""

    def __init__(self) -> None:
        super().__init__("the trial is over")


@dataclass
class Watch:
    """A trial under way.

    Attributes:
        config: of its recipe.
        generations: how many it trains.
        report: is told the count of epochs so far and the error; says whether to go on.
        begin: is called before the first epoch.
        errors: on the validation split after each epoch, by generation.
        pruned: whether `report` ended it.
    """

    config: TrainConfig
    generations: int
    report: Callable[[int, float], bool]
    begin: Callable[[], None] = lambda: None
    errors: list[list[float]] = field(default_factory=list)
    pruned: bool = False

    @property
    def epochs(self) -> int:
        """How many were trained."""
        return sum(map(len, self.errors))

    @property
    def error(self) -> float:
        """The validation error of the model that would be made: by the recipe's ``keep``."""
        best = self.config.keep == "best"
        kept = [min(errors) if best else errors[-1] for errors in self.errors]
        return min(kept) if self.config.keep_generation == "best" else kept[-1]


_watch: ContextVar[Watch] = ContextVar("watch")


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Has the hook report to `watch` while it lasts."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


class WatchHook(Hook):  # type: ignore[misc]
    """Tells the search of every epoch; a recipe gets it from `agekit search` alone."""

    def before_train(self, runner: Any) -> None:
        """Begins a generation.

        Raises:
            DataError: there is no validation split.
        """
        self._watch = _watch.get()
        if runner.val_loop is None:
            raise DataError(
                "trials are compared by their errors on the validation split, and here is none, or "
                "nothing to watch on it",
                "take a recipe and a --protocol that are, see `agekit data info DATASET`",
            )
        if not self._watch.errors:
            self._watch.begin()
        self._watch.errors.append([])

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, float] | None = None) -> None:
        """Reports an epoch.

        Raises:
            Over: it goes too badly to go on.
        """
        error = next(iter((metrics or {}).values()), math.nan)
        if not math.isfinite(error):
            return  # which ends the training, and is told
        watch = self._watch
        watch.errors[-1].append(error)
        if not watch.report(watch.epochs, error):
            watch.pruned = True
            raise Over

    def after_train(self, runner: Any) -> None:
        """Ends the trial after its last generation: nothing is kept of it but the error.

        Raises:
            Over: it was the last.
        """
        if len(self._watch.errors) == self._watch.generations:
            raise Over
