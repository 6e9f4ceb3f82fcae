"""The trainer that every evolver works with: the run, and the engine of one generation."""

from __future__ import annotations

import json
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseModel
from safetensors.torch import save
from torch import Tensor, nn

from agekit.data.table import SPLITS
from agekit.device import float32_kind, float32_products, from_main, rank_and_world
from agekit.errors import TrainingError
from agekit.recipe import TrainConfig
from agekit.training.averaging import WarmedAverage
from agekit.training.checkpoint import load_checkpoint
from agekit.training.display import Display, Watched
from agekit.training.hooks import Course, course_hooks
from agekit.training.optimize import build_hooks
from agekit.training.reporting import report_hooks
from agekit.training.run import Run
from agekit.training.runner import Error, Loader, Watch, WatchedMetric, let_go, make_runner
from agekit.training.step import NetworkStep
from agekit.zoo.files import METRICS, WEIGHTS

__all__ = ["Generation", "Trainer", "Watched"]

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Generation:
    """A finished generation: its number and its metrics by split."""

    generation: int
    metrics: dict[str, Any]


@dataclass(kw_only=True)
class Trainer(ABC, Generic[N]):
    """Trains generations of a network `N` into one run, each from where it stopped.

    Attributes:
        recipe: what to train.
        faces: what to train on, on the device.
        initial: weights to start from in place of new ones, by name; those that fit are taken.
        run: where everything is kept.
        display: what a person sees.
        seed: of weights, order and augmentation.
        hooks: more of mmengine's hooks, for every generation.
        logs: what else the losses are written for: ``tensorboard``, ``wandb``, ``mlflow``.
        finished: the generations so far.
        kind: the task.
        watched: what is watched on the validation split.
        memory_format: of the networks.
    """

    kind: ClassVar[str]
    watched: ClassVar[Watched] = Watched()
    memory_format: ClassVar[torch.memory_format] = torch.channels_last
    recipe: Any
    faces: Any
    initial: Mapping[str, Tensor] | None = None
    run: Run
    display: Display
    seed: int
    hooks: Sequence[Hook] = ()
    logs: Sequence[str] = ()
    finished: list[Generation] = field(default_factory=list)
    _kept: dict[str, Any] = field(default_factory=dict)
    _chosen: Generation | None = None

    @property
    def device(self) -> torch.device:
        """The device to train on."""
        device: torch.device = self.faces.device
        return device

    @property
    def chosen(self) -> Generation:
        """The generation that the model is: the last, or by `choose` the best."""
        return self._chosen or self.finished[-1]

    def seed_of(self, generation: int) -> int:
        """The seed of one generation, below 2^32 as NumPy wants it."""
        return (self.seed * 1000 + generation) % 2**32

    @abstractmethod
    def build(self, seed: int) -> N:
        """A network with weights of a seed."""

    def network(self, generation: int) -> N:
        """The untrained network of a generation, on the device."""
        network = self.build(self.seed_of(generation))
        if self.initial is not None:
            network.load_state_dict(dict(self.initial), strict=False)
        network = network.to(self.device)
        if any(value.dim() > 4 for value in network.state_dict().values()):
            return network  # torch lays out no more than images by channels
        return network.to(memory_format=self.memory_format)

    @abstractmethod
    def score(self, network: N) -> dict[str, Any]:
        """The metrics of a trained network, by split, and what else its generation keeps."""

    def errors(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """The figures of a generation's metrics that must be finite, by what to call them."""
        key = self.watched.key
        return {split: metrics[split][key] for split in SPLITS if split in metrics}

    def restored(self, network: N, metrics: Mapping[str, Any]) -> None:
        """Gives a network back what is kept with the metrics of its generation."""

    def train(self, number: int, network: N, learn: Callable[[], None]) -> N:
        """Trains, scores and keeps a generation, or loads it where it is finished already.

        Args:
            number: counted from 1.
            network: new; gets its weights.
            learn: trains it, by `fit`.

        Raises:
            ModelError: what was kept of it is damaged.
            TrainingError: its errors are not finite.
        """
        self.run.generation(number).mkdir(parents=True, exist_ok=True)
        if self._load(number, network):
            return network
        learn()
        metrics = {"generation": number, **self.score(network)}
        errors = self.errors(metrics)
        self._check(number, errors)
        self._keep(number, network, metrics)
        for split in SPLITS:
            if split in errors:
                text = self.watched.text(errors[split])
                self.display.line(f"  generation {number}: {split} {text}")
        return network

    def _load(self, number: int, network: N) -> bool:
        """Loads a generation where it is finished."""
        if not self.run.is_finished(number):
            return False
        metrics = self.run.read_metrics(number, self.kind)
        self.run.load(network, number)
        self.display.line(f"generation {number} is finished")
        self.finished.append(Generation(number, metrics))
        self.restored(network, metrics)
        return True

    def _keep(self, number: int, network: nn.Module, metrics: dict[str, Any]) -> None:
        """Writes a generation that is finished: its weights, then its metrics."""
        metrics = metrics | ({"kept": self._kept} if self._kept else {})
        if rank_and_world()[0] == 0:
            folder = self.run.generation(number)
            weights = {k: v.contiguous().cpu() for k, v in network.state_dict().items()}
            self.run.write(folder / WEIGHTS, save(weights))
            self.run.write(folder / METRICS, json.dumps(metrics, indent=1))
            self.run.finish(number)
        self.finished.append(Generation(number, metrics))

    def _check(self, number: int, errors: Mapping[str, float]) -> None:
        """Stops the run where a trained generation's errors are no numbers."""
        if bad := [name for name, error in errors.items() if not math.isfinite(error)]:
            raise TrainingError(
                f"the error ({', '.join(bad)}) is not finite after generation {number}; its last "
                f"checkpoint is kept: {self.run.checkpoint(number)}",
                "lower train.optimizer.lr, set train.clip_norm, or set train.amp=fp32",
            )

    def choose(self, network: N, rule: Literal["last", "best"]) -> dict[str, Any]:
        """Chooses the generation that the model is, and tells it.

        Args:
            network: of the last generation; gets the weights of the chosen one.
            rule: the last one, or the best on the validation split.

        Returns:
            What the model says of it: which of how many generations and epochs, by which rule.
        """
        if rule == "best":
            key = self.watched.key
            self._chosen = min(self.finished, key=lambda g: float(g.metrics["val"][key]))
            if self._chosen is not self.finished[-1]:
                self.run.load(network, self._chosen.generation)
                self.restored(network, self._chosen.metrics)
        number, count = self.chosen.generation, len(self.finished)
        if count > 1:
            text = f"the model is generation {number} of {count}, the {rule}"
            if rule == "best":
                value = self.chosen.metrics["val"][self.watched.key]
                text += f" on val ({self.watched.text(value)})"
            self.display.line(text)
        epoch = self.chosen.metrics.get("kept", {})
        return {"generation": number, "generations": count, "by": rule, "of": epoch}

    def fit_faces(
        self, number: int, step: NetworkStep, error: Error, hooks: Sequence[Hook] = ()
    ) -> None:
        """Trains a network on `TrainingFaces`, and watches the error on their validation split.

        Args:
            number: of the generation, counted from 1.
            step: what is trained, on the device.
            error: what is watched, from what the step's ``val_step`` gives.
            hooks: more hooks, for this generation.
        """
        config = self.recipe.train
        if config.compile:
            step.network.compile()
        train = self.faces.training_loader(config.batch_size, self.seed_of(number), config.epochs)
        val, metric = self.faces.watched(), WatchedMetric(self.watched.key, error)
        self.fit(number, step, train, None if val is None else (val, metric), hooks=hooks)

    def fit(
        self,
        number: int,
        step: BaseModel,
        train: Loader,
        watch: Watch | None = None,
        *,
        optimizers: Sequence[str] = (),
        hooks: Sequence[Hook] = (),
    ) -> None:
        """Trains the networks of a generation in place.

        Args:
            number: of the generation, counted from 1.
            step: what is trained, on the device.
            train: the training loader.
            watch: what is watched after every epoch.
            optimizers: the parts of `step` that get an optimiser each; none: one for all of it.
            hooks: more hooks, for this generation.
        """
        config: TrainConfig = self.recipe.train
        course = Course(
            run=self.run,
            number=number,
            display=self.display,
            watched=self.watched,
            config=config,
            hooks=build_hooks(config),
            logs=self.logs,
        )
        ema = config.ema and EMAHook(WarmedAverage, decay=config.ema, interval=config.accumulate)
        others = [*self.hooks, *hooks, *([ema] if ema else []), *course.hooks]
        runner = make_runner(
            step,
            config,
            train,
            watch,
            folder=self.run.generation(number),
            seed=self.seed_of(number),
            optimizers=optimizers,
            hooks=[*others, *course_hooks(course), *report_hooks(course)],
        )
        try:
            with (
                float32_products(float32_kind(config.amp, self.device), self.device),
                warnings.catch_warnings(),
            ):
                if config.accumulate > 1:
                    # The schedule goes by batches; some of them come before the first update.
                    warnings.filterwarnings("ignore", "Detected call of `scheduler.step")
                runner.train()
        finally:
            self.display.stop()
            epochs = runner.epoch
            let_go(runner)
        kept = from_main(lambda: course.best_epoch) if config.keep == "best" else None
        if kept is not None:
            best = load_checkpoint(self.run.best(number, kept)) or {}
            step.load_state_dict(best["state_dict"])
        elif ema:
            averaged: nn.Module = ema.ema_model.module
            step.load_state_dict(averaged.state_dict())
        self._keeps(course, epochs)

    def _keeps(self, course: Course, epochs: int) -> None:
        """Notes and tells which epoch's weights a generation keeps."""
        keep, best = course.config.keep, course.best
        by_best = keep == "best" and best is not None
        epoch = course.best_epoch if by_best else epochs
        self._kept = {"by": keep, "epoch": epoch, "epochs": epochs}
        text = f"  generation {course.number}: kept epoch {epoch} of {epochs}, the {keep}"
        if by_best and best is not None:
            text += f" on val ({self.watched.text(best)})"
        elif best is not None and course.best_epoch != epoch:
            text += f"; the best on val was {course.best_epoch} ({self.watched.text(best)})"
        self.display.line(text)
