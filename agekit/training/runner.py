"""mmengine's Runner, quiet: our run folder, our log and our devices in place of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.runner import Runner
from numpy.typing import NDArray

from agekit.recipe import TrainConfig
from agekit.training.optimize import optim_wrappers, param_schedulers

__all__ = ["Error", "Loader", "QuietRunner", "Watch", "WatchedMetric", "let_go", "make_runner"]

_RUNNERS = count()
"""mmengine names a runner by the second too, and refuses two of one name in a process."""


class Loader(Protocol):
    """A loader as mmengine takes it: its own sampler, told the epoch by `set_epoch`."""

    dataset: Any

    @property
    def sampler(self) -> Any:
        """The object that has `set_epoch`."""

    def __len__(self) -> int:
        """The number of batches."""

    def __iter__(self) -> Iterator[Any]:
        """The batches of one pass."""


class QuietRunner(Runner):  # type: ignore[misc]
    """A Runner that writes nothing of its own and leaves the model on the device it is on."""

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        pass

    def dump_config(self) -> None:
        """The resolved recipe is in the run folder."""

    def build_visualizer(self, visualizer: Any = None) -> Any:
        """Nothing that draws: figures are made from the metrics file."""
        return SimpleNamespace()

    def build_logger(self, log_level: Any = "ERROR", log_file: Any = None, **_: Any) -> MMLogger:
        """A logger without a file, for what the libraries report as an error."""
        return MMLogger.get_instance(self._experiment_name, log_level="ERROR")

    def wrap_model(self, model_wrapper_cfg: Any, model: BaseModel) -> BaseModel:
        """The step places itself and averages gradients itself."""
        return model


Error = Callable[[Mapping[str, NDArray[Any]]], float]
"""The arrays that a step's ``val_step`` gives by name, of all faces, to one figure."""


class WatchedMetric(BaseMetric):  # type: ignore[misc]
    """One figure of all faces of the validation split.

    Args:
        key: what it is called.
        error: computes it.
    """

    default_prefix = "val"

    def __init__(self, key: str, error: Error) -> None:
        # By the process group: mmengine's other way is files in the working folder, which it
        # leaves behind, and which several machines would have to share.
        super().__init__(collect_device="gpu")
        self.key = key
        self.error = error

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Keeps what the step gave for a batch."""
        self.results += data_samples

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """The figure, by its key."""
        names = results[0]
        arrays = {name: np.concatenate([one[name] for one in results]) for name in names}
        return {self.key: self.error(arrays)}


Watch = tuple[Loader, BaseMetric]
"""A loader to watch the error on after every epoch, and what is computed on it."""


def make_runner(
    step: BaseModel,
    config: TrainConfig,
    train: Loader,
    watch: Watch | None,
    *,
    folder: Path,
    seed: int,
    optimizers: Sequence[str],
    hooks: Sequence[Hook],
) -> QuietRunner:
    """A Runner for one generation.

    Args:
        step: what is trained.
        config: epochs, optimiser, schedule.
        train: the training loader.
        watch: what is watched after every epoch, or None.
        folder: an existing folder.
        seed: of torch's random state.
        optimizers: the parts of `step` that get an optimiser each; none: one for all of it.
        hooks: ours, beside the sampler's and the scheduler's.
    """
    watched: dict[str, Any] = {}
    if watch is not None:
        loader, metric = watch
        watched = {"val_dataloader": loader, "val_cfg": {}, "val_evaluator": Evaluator([metric])}
    wrapper = optim_wrappers(config, step, optimizers)
    runner = QuietRunner(
        model=step,
        work_dir=str(folder),
        experiment_name=f"{folder.resolve()}:{next(_RUNNERS)}",
        train_dataloader=train,
        train_cfg={"by_epoch": True, "max_epochs": config.epochs},
        optim_wrapper=wrapper,
        param_scheduler=param_schedulers(config, wrapper, len(train)) or None,
        default_hooks={"runtime_info": None, "timer": None, "logger": None, "checkpoint": None},
        custom_hooks=list(hooks),
        randomness={"seed": seed},
        **watched,
    )
    with suppress(FileNotFoundError):
        Path(runner.log_dir).rmdir()
    return runner


def let_go(runner: QuietRunner) -> None:
    """Takes a finished runner apart.

    It and its loops hold each other, and with them the loaders, and what these have on the device,
    until Python's collector comes by: the next generation would find the memory taken.
    """
    runner._train_loop = runner._val_loop = None
    runner._train_dataloader = runner._val_dataloader = runner._val_evaluator = None
    runner._hooks.clear()
