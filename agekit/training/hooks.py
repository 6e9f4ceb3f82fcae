"""The hooks that keep a generation in its run, one job each; `Course` is what they all know."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from agekit.device import from_main, mean_over_processes, rank_and_world
from agekit.errors import TrainingError
from agekit.recipe import TrainConfig
from agekit.training.checkpoint import load_checkpoint, restore, save_checkpoint
from agekit.training.display import Display, Watched
from agekit.training.run import Run

__all__ = [
    "CheckpointHook",
    "Course",
    "CourseHook",
    "LossHook",
    "ProcessesHook",
    "RecordHook",
    "RestoreHook",
    "course_hooks",
    "is_read",
]

READ_EVERY = 25


@dataclass(kw_only=True)
class Course:
    """A generation under way.

    Attributes:
        run: the run's folder.
        number: of the generation, counted from 1.
        display: what a person sees.
        watched: what is watched on the validation split.
        config: of the recipe.
        hooks: those that the recipe names.
        logs: what it is written for beside the run's own files, such as ``tensorboard``.
        best: the least of what is watched so far.
        best_epoch: the epoch of it.
        losses: their means over the epoch so far, by name.
        rate: images a second.
        seconds: that the epoch took.
        record: the line of the last epoch.
    """

    run: Run
    number: int
    display: Display
    watched: Watched
    config: TrainConfig
    hooks: Sequence[Hook] = ()
    logs: Sequence[str] = ()
    best: float | None = None
    best_epoch: int | None = None
    losses: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    seconds: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of this generation."""
        return self.run.checkpoint(self.number)

    def better(self, error: float | None, epoch: int) -> None:
        """Remembers the best epoch."""
        if error is not None and (self.best is None or error < self.best):
            self.best, self.best_epoch = error, epoch

    def stop(self, what: str, epoch: int, batch_idx: int) -> NoReturn:
        """Ends the training for a number that is none.

        Raises:
            TrainingError: saying which, where, and what is kept.
        """
        self.display.stop()
        kept = "no checkpoint was made yet"
        if self.checkpoint.exists():
            kept = f"the last good checkpoint is kept: {self.checkpoint}"
        first = batch_idx - batch_idx % READ_EVERY + 1
        raise TrainingError(
            f"{what} is not finite in generation {self.number}, epoch {epoch}, "
            f"steps {first}-{batch_idx + 1}; {kept}",
            "lower train.optimizer.lr, set train.clip_norm, or set train.amp=fp32",
        )


class CourseHook(Hook):  # type: ignore[misc]
    """A hook that knows the course; `close` is called once an epoch is trained and validated.

    Args:
        course: of its generation.
    """

    # The last ones: what an evolver's or a recipe's hooks do to an epoch is in its checkpoint.
    priority = "LOWEST"

    def __init__(self, course: Course) -> None:
        self.course = course

    def after_train_epoch(self, runner: Runner) -> None:
        """Closes an epoch that nothing is validated on."""
        if runner.val_loop is None:
            self.close(runner, runner.epoch + 1, None)

    def after_val_epoch(self, runner: Runner, metrics: Mapping[str, float] | None = None) -> None:
        """Closes an epoch with its error."""
        key = f"val/{self.course.watched.key}"
        self.close(runner, runner.epoch, (metrics or {}).get(key))

    def close(self, runner: Runner, epoch: int, error: float | None) -> None:
        """Acts on a finished epoch, counted from 1, with its error where there is one."""


class RestoreHook(CourseHook):
    """Goes on from the checkpoint where there is one."""

    def before_train(self, runner: Runner) -> None:
        """Reads it into the runner and the other hooks."""
        if (saved := load_checkpoint(self.course.checkpoint)) is not None:
            restore(runner, saved)


class ProcessesHook(CourseHook):
    """Shares the network out over the processes, and an epoch's batches out over its updates."""

    def before_train(self, runner: Runner) -> None:
        """Has gradients averaged over the processes from now on."""
        if rank_and_world()[1] > 1:
            runner.model.parallelise()

    def before_train_epoch(self, runner: Runner) -> None:
        """Counts the updates: the last one takes the batches that are left."""
        if self.course.config.accumulate > 1:
            # So a checkpoint between two epochs leaves no gradient behind.
            steps = len(runner.train_dataloader)
            runner.optim_wrapper.initialize_count_status(runner.model, 0, steps)


class LossHook(CourseHook):
    """Sums the losses of an epoch, and ends the training where a number is none.

    Losses stay on the device: they are summed there and read every 25 steps, so that no step waits
    for the host.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Starts the epoch's sums."""
        self._sums: dict[str, Tensor] = {}
        self._totals: dict[str, float] = {}
        self._steps, self._images = 0, 0
        self._began = time.perf_counter()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Adds the step's losses; reads and checks them now and then."""
        for name, value in (outputs or {}).items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._steps += 1
        self._images += len(data_batch) * rank_and_world()[1]
        if is_read(runner, batch_idx):
            self._read(runner, batch_idx)

    def after_train_epoch(self, runner: Runner) -> None:
        """Notes how long the epoch took."""
        self.course.seconds = time.perf_counter() - self._began
        self.course.rate = self._images / self.course.seconds
        self.course.losses = {name: total / self._steps for name, total in self._totals.items()}
        super().after_train_epoch(runner)

    def close(self, runner: Runner, epoch: int, error: float | None) -> None:
        """Checks the weights and the error."""
        last = len(runner.train_dataloader) - 1
        finite = torch.stack([p.detach().isfinite().all() for p in runner.model.parameters()])
        if not bool(finite.all()):
            self.course.stop("a weight", epoch, last)
        if error is not None and not math.isfinite(error):
            self.course.stop("the validation error", epoch, last)

    def _read(self, runner: Runner, batch_idx: int) -> None:
        names = list(self._sums)
        values = mean_over_processes(torch.stack([self._sums[n].float() for n in names])).tolist()
        self._sums = {}
        steps = batch_idx % READ_EVERY + 1
        losses = {name: value / steps for name, value in zip(names, values, strict=True)}
        if bad := [name for name, value in losses.items() if not math.isfinite(value)]:
            self.course.stop(f"the loss ({', '.join(bad)})", runner.epoch + 1, batch_idx)
        for name, value in zip(names, values, strict=True):
            self._totals[name] = self._totals.get(name, 0.0) + value
        self.course.losses = losses
        self.course.rate = self._images / (time.perf_counter() - self._began)


class RecordHook(CourseHook):
    """Keeps a line an epoch in the run, and knows the best epoch."""

    def before_train(self, runner: Runner) -> None:
        """Drops the lines of epochs that are done again, and finds the best so far."""
        course, done = self.course, runner.epoch
        if rank_and_world()[0] == 0:
            course.run.keep(lambda r: r["generation"] != course.number or r["epoch"] <= done)
            for record in course.run.records():
                if record["generation"] == course.number:
                    course.better(record.get(f"val_{course.watched.key}"), record["epoch"])
            if course.config.keep == "best" and course.best_epoch is not None:
                best = course.run.best(course.number, course.best_epoch)
                if not best.exists():
                    raise course.run.damaged(best, "it is missing")
        course.best, course.best_epoch = from_main(lambda: (course.best, course.best_epoch))

    def before_train_epoch(self, runner: Runner) -> None:
        """Notes the learning rate."""
        # Of several groups of parameters the last layers' rate, which is the recipe's.
        self._lr = float(max(next(iter(runner.optim_wrapper.get_lr().values()))))

    def close(self, runner: Runner, epoch: int, error: float | None) -> None:
        """Writes the line."""
        course = self.course
        course.better(error, epoch)
        course.record = {
            "generation": course.number,
            "epoch": epoch,
            "epochs": runner.max_epochs,
            "losses": course.losses,
            f"val_{course.watched.key}": error,
            "lr": self._lr,
            "seconds": round(course.seconds, 3),
            "images_per_second": round(course.rate, 1),
        }
        from_main(lambda: course.run.append(course.record))


class CheckpointHook(CourseHook):
    """Saves all that the rest of the generation depends on, and the best epoch's weights.

    Of the recipe's hooks it keeps what they hold of plain values, such as the patience of an early
    stopping, so that a run that is resumed stops where one that never was does.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds the state of the recipe's hooks, and whether one of them ended the training."""
        checkpoint["hooks"] = [_plain(hook) for hook in self.course.hooks]
        checkpoint["epochs"] = runner.max_epochs
        checkpoint["stopped"] = runner.train_loop.stop_training

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Takes them up again; a training that was stopped goes on where more epochs are asked."""
        for hook, state in zip(self.course.hooks, checkpoint.get("hooks", ()), strict=False):
            vars(hook).update(state)
        same = checkpoint.get("epochs") == runner.max_epochs
        runner.train_loop.stop_training = same and bool(checkpoint.get("stopped"))

    def close(self, runner: Runner, epoch: int, error: float | None) -> None:
        """Saves the epoch."""
        from_main(lambda: self._save(runner, epoch))

    def _save(self, runner: Runner, epoch: int) -> None:
        course, best = self.course, None
        if course.config.keep == "best" and course.best_epoch == epoch:
            best = course.run.best(course.number, epoch)
        steps = epoch * len(runner.train_dataloader)
        save_checkpoint(course.run, course.checkpoint, runner, epoch, steps, best)
        if best is not None:
            course.run.drop_bests(course.number, but=best)


def course_hooks(course: Course) -> list[Hook]:
    """The hooks that keep a generation, in the order in which they act after all others."""
    kinds = (RestoreHook, ProcessesHook, LossHook, RecordHook, CheckpointHook)
    return [kind(course) for kind in kinds]


def is_read(runner: Runner, batch_idx: int) -> bool:
    """True if the losses are read after a batch: each time that 25 are done, and at the end."""
    return (batch_idx + 1) % READ_EVERY == 0 or batch_idx + 1 == len(runner.train_dataloader)


def _plain(hook: Hook) -> dict[str, Any]:
    kinds = (bool, int, float, str, type(None))
    return {name: value for name, value in vars(hook).items() if isinstance(value, kinds)}
