"""The hooks that report how a generation goes: to a person, and to TensorBoard and its like."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from torch import Tensor

from agekit.device import rank_and_world
from agekit.errors import ConfigError, nearest, one_line
from agekit.extras import LOGS, require
from agekit.training.hooks import Course, CourseHook, is_read

__all__ = ["LogHook", "ProgressHook", "report_hooks", "require_logs"]

_KNOWN = ", ".join(LOGS)


def require_logs(names: Iterable[str]) -> None:
    """Makes sure that what is to be written for is known and installed.

    Raises:
        ConfigError: it is neither of ``tensorboard``, ``wandb`` and ``mlflow``.
        MissingLibraryError: it is not installed.
    """
    for name in names:
        if name not in LOGS:
            raise ConfigError(f"there is no log {name!r}{nearest(name, LOGS)}", f"use {_KNOWN}")
        require(name, f"--log {name}")


def report_hooks(course: Course) -> list[Hook]:
    """The hooks of the first process; the others report nothing."""
    if rank_and_world()[0] > 0:
        return []
    return [
        ProgressHook(course),
        *(LogHook(course, name, _backend(name, course)) for name in course.logs),
    ]


def _backend(name: str, course: Course) -> Any:
    """One of mmengine's backends, which begins when it is first written to.

    A generation is a run of its own there. One that is resumed goes on in the same folder and, of
    Weights & Biases, in the same run; MLflow begins another of the same name.
    """
    run, part = course.run.folder.resolve(), f"generation-{course.number}"
    title = f"{run.name}/{part}"
    folder = str(run / name / (part if name == "tensorboard" else ""))
    if name == "tensorboard":
        return VISBACKENDS.build({"type": "TensorboardVisBackend", "save_dir": folder})
    if name == "mlflow":
        # Its files of old are refused by MLflow 3: a database, or the server that is named.
        server = os.environ.get("MLFLOW_TRACKING_URI")
        own = {"exp_name": "agekit", "run_name": title}
        own |= {"tracking_uri": server or f"sqlite:///{folder}/mlflow.db"}
        own |= {} if server else {"artifact_location": (run / name / "artifacts").as_uri()}
        return VISBACKENDS.build({"type": "MLflowVisBackend", "save_dir": folder, **own})
    key = hashlib.sha256(f"{run}:{part}".encode()).hexdigest()[:16]
    start = {"project": "agekit", "group": run.name, "name": title, "dir": folder}
    start |= {"id": key, "resume": "allow"}
    return VISBACKENDS.build({"type": "WandbVisBackend", "save_dir": folder, "init_kwargs": start})


class ProgressHook(CourseHook):
    """Shows a person where the training is."""

    def before_train(self, runner: Runner) -> None:
        """Begins."""
        steps = len(runner.train_dataloader)
        self.course.display.start(self.course.number, runner.max_epochs, steps, runner.iter)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Shows what was read of the losses."""
        if is_read(runner, batch_idx):
            course = self.course
            best = None if course.best is None else course.watched.text(course.best)
            at = (runner.epoch + 1, batch_idx + 1, runner.iter + 1)
            course.display.step(*at, course.rate, course.losses, best)

    def close(self, runner: Runner, epoch: int, error: float | None) -> None:
        """Tells a line of the epoch."""
        course = self.course
        course.display.epoch(course.record, runner.max_epochs, course.watched, course.best)

    def after_train(self, runner: Runner) -> None:
        """Ends, and tells where a hook has ended the training before its last epoch."""
        self.course.display.stop()
        if runner.epoch < runner.max_epochs:
            names = " or ".join(type(hook).__name__ for hook in self.course.hooks) or "a hook"
            self.course.display.line(
                f"  generation {self.course.number}: stopped after epoch {runner.epoch} of "
                f"{runner.max_epochs} by {names}"
            )


class LogHook(CourseHook):
    """Writes losses, learning rate and what is watched for one of mmengine's backends.

    Args:
        course: of its generation.
        name: of the backend, as `--log` has it.
        backend: where to, of `mmengine.visualization`.
    """

    def __init__(self, course: Course, name: str, backend: Any) -> None:
        super().__init__(course)
        self.name = name
        self.backend = backend

    def before_train(self, runner: Runner) -> None:
        """Begins with the recipe, so that what cannot be written to is told before a step."""
        self._try(self._begin)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Tensor] | None = None,
    ) -> None:
        """The losses that were read, by the steps done."""
        if is_read(runner, batch_idx):
            losses = {f"train/{name}": value for name, value in self.course.losses.items()}
            self._write(losses, runner.iter + 1)

    def close(self, runner: Runner, epoch: int, error: float | None) -> None:
        """The error and the learning rate of an epoch."""
        record = self.course.record
        scalars = {f"train/{name}": record[name] for name in ("lr", "images_per_second")}
        if error is not None:
            scalars[f"val/{self.course.watched.key}"] = error
        self._write(scalars, epoch * len(runner.train_dataloader))

    def after_train(self, runner: Runner) -> None:
        """Writes what is left."""
        self._try(self.backend.close)

    def _write(self, scalars: Mapping[str, float], step: int) -> None:
        for name, value in scalars.items():
            self._try(partial(self.backend.add_scalar, name, value, step))

    def _begin(self) -> None:
        run = self.course.run
        recipe = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
        if self.name == "wandb":  # mmengine's way would upload the working folder's code too
            self.backend.experiment.config.update(recipe, allow_val_change=True)
        else:  # MLflow keeps what is text in the folder of the generation, when it ends
            work_dir = str(self.course.checkpoint.parent)
            self.backend.add_config(Config(recipe | {"work_dir": work_dir}))

    def _try(self, action: Callable[[], Any]) -> None:
        """Does what a library of others does, whose failures are of many kinds.

        Raises:
            ConfigError: it failed.
        """
        try:
            action()
        except Exception as error:
            raise ConfigError(
                f"--log {self.name} cannot be written to: {one_line(error)}",
                "mend that and go on by --resume, or train without it",
            ) from error
