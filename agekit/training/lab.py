"""What every evolver works with: the run, and the engine that trains one generation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseModel
from safetensors.torch import save
from torch import nn

from agekit.device import rank_and_world
from agekit.recipe import TrainConfig
from agekit.training.display import Display
from agekit.training.hooks import Watch
from agekit.training.run import Run
from agekit.training.runner import Batches, make_runner
from agekit.zoo.files import METRICS, WEIGHTS

__all__ = ["Generation", "Lab"]


@dataclass(frozen=True)
class Generation:
    """A finished generation: its number and its metrics by split."""

    generation: int
    metrics: dict[str, Any]


@dataclass(kw_only=True)
class Lab:
    """Trains generations into one run, each from where it stopped.

    Attributes:
        run: where everything is kept.
        display: what a person sees.
        device: where to train.
        seed: of weights, order and augmentation.
        hooks: more of mmengine's hooks, for every generation.
        finished: the generations so far.
    """

    run: Run
    display: Display
    device: torch.device
    seed: int
    hooks: Sequence[Hook] = ()
    kind: ClassVar[Literal["estimator", "ager"]] = "estimator"
    finished: list[Generation] = field(default_factory=list)

    def seed_of(self, generation: int) -> int:
        """The seed of one generation, below 2^32 as NumPy wants it."""
        return (self.seed * 1000 + generation) % 2**32

    @contextmanager
    def drawing(self, generation: int) -> Iterator[None]:
        """New weights made while it lasts depend on the seed and the generation alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of(generation))
            yield

    def load(self, number: int, network: nn.Module) -> dict[str, Any] | None:
        """Loads a generation that is finished; None, and nothing, where it is not.

        Args:
            number: of the generation, counted from 1.
            network: gets its weights.

        Returns:
            Its metrics.

        Raises:
            ModelError: they, or the weights, are damaged.
        """
        folder = self.run.generation(number)
        if not (folder / METRICS).exists():
            return None
        metrics = self.run.read_metrics(number, self.kind)
        self.run.load(network, number)
        self.display.line(f"generation {number} is finished")
        self.finished.append(Generation(number, metrics))
        return metrics

    def keep(self, number: int, network: nn.Module, metrics: dict[str, Any]) -> None:
        """Writes a generation that is finished: its weights, then its metrics."""
        if rank_and_world()[0] == 0:
            folder = self.run.generation(number)
            weights = {k: v.contiguous().cpu() for k, v in network.state_dict().items()}
            self.run.write(folder / WEIGHTS, save(weights))
            self.run.write(folder / METRICS, json.dumps(metrics, indent=1))
            self.run.finish(number)
        self.finished.append(Generation(number, metrics))

    def fit(
        self,
        number: int,
        step: BaseModel,
        config: TrainConfig,
        train: Batches,
        *,
        val: Batches | None = None,
        metric: BaseMetric | None = None,
        optimizers: Sequence[str] = (),
        hooks: Sequence[Hook] = (),
    ) -> None:
        """Trains the networks of a generation in place.

        Args:
            number: of the generation, counted from 1.
            step: what is trained, on the device.
            config: epochs, optimiser, schedule.
            train: the training loader.
            val: a loader to watch the error on after every epoch.
            metric: what is computed on `val`.
            optimizers: the parts of `step` that get an optimiser each; none: one for all of it.
            hooks: more hooks, for this generation.
        """
        watch = Watch(self.run, number, self.display)
        ema = None if config.ema is None else EMAHook(momentum=1 - config.ema)
        runner = make_runner(
            step,
            name=f"{self.run.folder.resolve()}:{number}",
            folder=self.run.generation(number),
            config=config,
            seed=self.seed_of(number),
            train=train,
            val=val,
            metric=metric,
            optimizers=optimizers,
            hooks=[watch, *self.hooks, *hooks, *([] if ema is None else [ema])],
        )
        try:
            runner.train()
        finally:
            self.display.stop()
        if ema is not None:
            averaged: nn.Module = ema.ema_model.module
            step.load_state_dict(averaged.state_dict())
