"""The trials of a search: kept on disk, drawn from its space, compared on the validation split."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from agekit.errors import AgekitError, DataError, TrainingError, lacks_memory, one_line
from agekit.recipe import Resolved
from agekit.training.resume import generations_of
from agekit.training.run import Run
from agekit_search.space import Space, own_value
from agekit_search.watch import HOOK, Over, Watch, watching

__all__ = ["PRUNERS", "Outcome", "Search"]

PRUNERS = ("median", "hyperband", "none")
"""How trials are ended early."""
_RANDOM = 5
"""Trials that are drawn blindly, before what was found says where to look."""
_VAIN = 3
"""Trials that may fail one after the other before one was finished."""
_STATES = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Outcome:
    """A trial that is over.

    Attributes:
        trial: its number, counted from 1.
        state: ``done``; ``pruned``; ``diverged``, where a loss was not finite; or ``failed``.
        error: on the validation split; None where there is none.
        epochs: that it was trained.
        values: key of the recipe → value, as ``--set`` takes it.
        why: it failed.
        adopted: what its training took from weights that it began with.
    """

    trial: int
    state: str
    error: float | None
    epochs: int
    values: dict[str, str]
    why: str = ""
    adopted: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass
class Search:
    """Trials in a folder.

    Attributes:
        folder: where they are kept.
        space: what is searched.
        resolve: gives the recipe with some ``KEY=VALUE`` in it.
        train: trains a recipe into a folder, as `agekit.train` does; is given too what was set.
        own: the recipe as it is, plain data; its values are the first trial, if they are in the
            space.
        seed: of what is drawn.
        pruner: one of `PRUNERS`.
        notes: is given the log of each training when that begins.
        progress: is told the epochs trained in a trial, of how many.
    """

    folder: Path
    space: Space
    resolve: Callable[[list[str]], Resolved]
    train: Callable[[Resolved, list[str], Path], object]
    own: Mapping[str, Any]
    seed: int = 0
    pruner: str = "median"
    notes: Callable[[str], None] = lambda log: None
    progress: Callable[[int, int], None] = lambda done, total: None

    @cached_property
    def study(self) -> optuna.Study:
        """The trials as optuna keeps them, in a file that survives a kill."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = self.folder / "trials.log"
        _mend(path)
        storage = JournalStorage(JournalFileBackend(str(path), _NoLock(str(path))))
        return optuna.create_study(storage=storage, study_name="search", load_if_exists=True)

    def outcomes(self) -> list[Outcome]:
        """What is over, in the order of the trials."""
        return [self._outcome(t) for t in self._trials() if t.state in _STATES]

    @property
    def has_own(self) -> bool:
        """Whether the first trial is the recipe as it is."""
        return all(one.holds(self._own(one.key)) for one in self.space)

    def best(self) -> Outcome | None:
        """The finished trial of the least error; None where none is finished."""
        done = [one for one in self.outcomes() if one.state == "done"]
        return min(done, key=lambda one: one.error or 0.0, default=None)

    def run(self, trials: int) -> Iterator[Outcome]:
        """Makes trials until there are so many, those of before counted; gives each that is over.

        A trial that was cut off is made again. The n-th trial of a seed is drawn alike whether the
        search was cut off before it or not.

        Raises:
            AgekitError: what ends every trial: the data cannot be read, or nothing but failures.
        """
        while True:
            cut = [t for t in self._trials() if t.state == TrialState.RUNNING]
            known = self.outcomes()
            if not cut and len(known) >= trials:
                return
            number = cut[0].number if cut else len(known)
            self.study.sampler = TPESampler(seed=self.seed + number, n_startup_trials=_RANDOM)
            if not cut and not known and self.has_own:
                first = {one.key: one.stored(self._own(one.key)) for one in self.space}
                self.study.enqueue_trial(first, skip_if_exists=True)
            trial = Trial(self.study, cut[0]._trial_id) if cut else self.study.ask()
            values = {one.key: one.draw(trial) for one in self.space}
            trial.set_user_attr("values", values)
            failure = self._make(trial, values)
            yield self._outcome(self._trials()[trial.number])
            last = self.outcomes()[-_VAIN:]
            if failure and len(last) == _VAIN and all(one.state == "failed" for one in last):
                raise failure

    def _make(self, trial: Trial, values: Mapping[str, str]) -> AgekitError | None:
        """Trains a trial and keeps its error; gives what is told of a failure."""
        with self._place() as place:
            try:
                watch = self._watched(trial, values, place)
            except (AgekitError, RuntimeError, MemoryError) as error:
                told = _failure(error)
                if told is None or isinstance(told, DataError):
                    raise
                diverged = isinstance(told, TrainingError)
                trial.set_user_attr("why", one_line(told))
                trial.set_user_attr("diverged", diverged)
                # What diverges is bad, which a failure, left out of what is learnt from, is not.
                state = TrialState.PRUNED if diverged else TrialState.FAIL
                self.study.tell(trial.number, state=state)
                return None if diverged else told.with_traceback(None)
            info = json.loads(Run(place).info.read_text("utf-8"))
            trial.set_user_attr("adopted", info.get("adopted", {}))
        if watch.pruned:
            self.study.tell(trial.number, state=TrialState.PRUNED)
        else:
            self.study.tell(trial.number, watch.error)
        return None

    def _watched(self, trial: Trial, values: Mapping[str, str], place: Path) -> Watch:
        """Trains a trial until its error is known.

        Raises:
            TrainingError: the recipe trains nothing epoch by epoch.
        """
        settings = [f"{key}={text}" for key, text in values.items()]
        recipe = self.resolve(settings)
        config = recipe.recipe.train
        hooks = [*recipe.to_dict()["train"]["hooks"], {"type": HOOK}]
        generations = generations_of(recipe.recipe)
        total = generations * config.epochs
        self.study.pruner = _pruner(self.pruner, total)
        reported = {*self._trials()[trial.number].intermediate_values}

        def report(epoch: int, error: float) -> bool:
            self.progress(epoch, total)
            if epoch not in reported:
                trial.report(error, epoch)
            return epoch == total or not trial.should_prune()

        def begin() -> None:
            self.notes(Run(place).log.read_text("utf-8"))

        watch = Watch(config, generations, report, begin)
        with watching(watch):
            try:
                self.train(recipe.with_changes({"train": {"hooks": hooks}}), settings, place)
            except Over:
                return watch
        raise DataError(f"{recipe.name} trains nothing epoch by epoch: there is nothing to search")

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Where a trial is trained; nothing of it stays."""
        place = self.folder / "trial"
        shutil.rmtree(place, ignore_errors=True)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _own(self, key: str) -> Any:
        return own_value(self.own, key)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _outcome(self, trial: FrozenTrial) -> Outcome:
        kept, steps = trial.user_attrs, trial.intermediate_values
        last = steps[max(steps)] if steps else None
        error = trial.value if trial.state == TrialState.COMPLETE else last
        return Outcome(
            trial.number + 1,
            "diverged" if kept.get("diverged") else _STATES[trial.state],
            error if error is not None and math.isfinite(error) else None,
            max(steps, default=0),
            kept["values"],
            kept.get("why", ""),
            kept.get("adopted", {}),
        )


class _NoLock(JournalFileOpenLock):
    """None: the search's folder is locked as a whole."""

    def acquire(self) -> bool:
        """Nothing is waited for."""
        return True

    def release(self) -> None:
        """Nothing is held."""


def _mend(path: Path) -> None:
    """Takes the line off a journal's end that a kill left without its own end."""
    text = path.read_bytes() if path.exists() else b""
    if text and not text.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(text.rfind(b"\n") + 1)


def _pruner(name: str, epochs: int) -> BasePruner:
    if name == "none":
        return NopPruner()
    if name == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=epochs)
    # Not by the first third: the rate may still be on its way up.
    return MedianPruner(n_startup_trials=_RANDOM, n_warmup_steps=epochs // 3)


def _failure(error: BaseException) -> AgekitError | None:
    """What is told of a trial that failed; None of what no other values would mend."""
    if isinstance(error, AgekitError):
        return error
    if lacks_memory(error):
        return AgekitError(f"out of memory: {one_line(error)}")
    return None
