"""The hook that keeps a generation in its run: losses, speed, the error, the checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from agekit.device import mean_over_processes, rank_and_world
from agekit.errors import TrainingError
from agekit.training.checkpoint import load_checkpoint, restore, save_checkpoint
from agekit.training.display import Display, Watched
from agekit.training.run import Run

__all__ = ["RunHook"]

READ_EVERY = 25


class RunHook(Hook):  # type: ignore[misc]
    """Restores, logs and saves one generation.

    Losses stay on the device: they are summed there and read every 25 steps, so that no step waits
    for the host.

    Args:
        run: the run's folder.
        generation: counted from 1.
        display: what a person sees.
        watched: what is watched on the validation split.
        keep: which epoch's weights to keep, the ``last`` or the ``best`` on the validation split.
        accumulate: batches to an update.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        run: Run,
        generation: int,
        display: Display,
        watched: Watched,
        keep: Literal["last", "best"] = "last",
        accumulate: int = 1,
    ) -> None:
        self.run = run
        self.generation = generation
        self.display = display
        self.main = rank_and_world()[0] == 0
        self.keep = keep
        self.watched = watched
        self.accumulate = accumulate
        self.best: float | None = None
        self.best_epoch: int | None = None
        self._sums: dict[str, Tensor] = {}
        self._totals: dict[str, float] = {}

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of this generation."""
        return self.run.checkpoint(self.generation)

    def before_train(self, runner: Runner) -> None:
        """Goes on from the checkpoint where there is one."""
        saved = load_checkpoint(self.checkpoint)
        done = saved["epoch"] if saved else 0
        if self.main:
            self.run.keep(lambda r: r["generation"] != self.generation or r["epoch"] <= done)
            for record in self.run.records():
                if record["generation"] == self.generation:
                    self._better(record.get(f"val_{self.watched.key}"), record["epoch"])
            if self.keep == "best" and self.best_epoch is not None:
                best = self.run.best(self.generation, self.best_epoch)
                if not best.exists():
                    raise self.run.damaged(best, "it is missing")
        if saved is not None:
            restore(runner, saved)
        if rank_and_world()[1] > 1:
            runner.model.parallelise()
        if self.main:
            steps = len(runner.train_dataloader)
            self.display.start(self.generation, runner.max_epochs, steps, runner.iter)

    def before_train_epoch(self, runner: Runner) -> None:
        """Starts the epoch's sums."""
        self._sums, self._totals = {}, {}
        self._steps, self._images = 0, 0
        # Of several groups of parameters the last layers' rate, which is the recipe's.
        self._lr = float(max(next(iter(runner.optim_wrapper.get_lr().values()))))
        if self.accumulate > 1:
            # An epoch's last update takes the batches that are left, so that a checkpoint between
            # two epochs leaves no gradient behind.
            steps = len(runner.train_dataloader)
            runner.optim_wrapper.initialize_count_status(runner.model, 0, steps)
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
        last = batch_idx + 1 == len(runner.train_dataloader)
        if self._steps % READ_EVERY == 0 or last:
            self._read(runner, batch_idx)

    def after_train_epoch(self, runner: Runner) -> None:
        """Closes an epoch that nothing is validated on."""
        self._seconds = time.perf_counter() - self._began
        if runner.val_loop is None:
            self._close(runner, runner.epoch + 1, None)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Closes the epoch with its error."""
        self._close(runner, runner.epoch, (metrics or {}).get(f"val/{self.watched.key}"))

    def after_train(self, runner: Runner) -> None:
        """Ends the display."""
        self.display.stop()

    def _read(self, runner: Runner, batch_idx: int) -> None:
        names = list(self._sums)
        values = mean_over_processes(torch.stack([self._sums[n].float() for n in names])).tolist()
        self._sums = {}
        steps = batch_idx % READ_EVERY + 1
        losses = {name: value / steps for name, value in zip(names, values, strict=True)}
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            self._stop(f"the loss ({', '.join(bad)})", runner.epoch + 1, batch_idx)
        for name, value in zip(names, values, strict=True):
            self._totals[name] = self._totals.get(name, 0.0) + value
        rate = self._images / (time.perf_counter() - self._began)
        if self.main:
            best = None if self.best is None else self.watched.text(self.best)
            self.display.step(runner.epoch + 1, batch_idx + 1, runner.iter + 1, rate, losses, best)

    def _stop(self, what: str, epoch: int, batch_idx: int) -> None:
        self.display.stop()
        kept = "no checkpoint was made yet"
        if self.checkpoint.exists():
            kept = f"the last good checkpoint is kept: {self.checkpoint}"
        first = batch_idx - batch_idx % READ_EVERY + 1
        raise TrainingError(
            f"{what} is not finite in generation {self.generation}, epoch {epoch}, "
            f"steps {first}-{batch_idx + 1}; {kept}",
            "lower train.optimizer.lr, set train.clip_norm, or set train.amp=fp32",
        )

    def _better(self, error: float | None, epoch: int) -> None:
        if error is not None and (self.best is None or error < self.best):
            self.best, self.best_epoch = error, epoch

    def _close(self, runner: Runner, epoch: int, error: float | None) -> None:
        finite = torch.stack([p.detach().isfinite().all() for p in runner.model.parameters()])
        if not bool(finite.all()):
            self._stop("a weight", epoch, len(runner.train_dataloader) - 1)
        if error is not None and not math.isfinite(error):
            self._stop("the validation error", epoch, len(runner.train_dataloader) - 1)
        self._better(error, epoch)
        if not self.main:
            return
        record = {
            "generation": self.generation,
            "epoch": epoch,
            "epochs": runner.max_epochs,
            "losses": {name: total / self._steps for name, total in self._totals.items()},
            f"val_{self.watched.key}": error,
            "lr": self._lr,
            "seconds": round(self._seconds, 3),
            "images_per_second": round(self._images / self._seconds, 1),
        }
        self.run.append(record)
        steps = epoch * len(runner.train_dataloader)
        best = None
        if self.keep == "best" and self.best_epoch == epoch:
            best = self.run.best(self.generation, epoch)
        save_checkpoint(self.run, self.checkpoint, runner, epoch, steps, best)
        if best is not None:
            self.run.drop_bests(self.generation, but=best)
        self.display.epoch(record, runner.max_epochs, self.watched, self.best)
