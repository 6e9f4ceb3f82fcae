"""A network of one weight on mmengine's real Runner: what training does to it can be worked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn

from agekit.recipe import TrainConfig
from agekit.training.display import Display, Watched
from agekit.training.hooks import Course, course_hooks
from agekit.training.optimize import build_hooks
from agekit.training.reporting import report_hooks
from agekit.training.run import Run
from agekit.training.runner import QuietRunner, make_runner

STEPS = 2
"""Of an epoch."""


class Batch(list):
    """Two images."""


class Loader(list):
    """The same batches in every epoch."""

    dataset: Sequence[Any] = ()
    sampler = SimpleNamespace(set_epoch=lambda epoch: None)

    def __init__(self) -> None:
        super().__init__(Batch([1.0, 1.0]) for _ in range(STEPS))


class Weight(BaseModel):
    """w, 1 at first, whose loss is w plus noise of torch's random state: its gradient is 1.

    Attributes:
        rates: the learning rate of every step.
        losses: what the coming steps report in place of w.
    """

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.rates: list[float] = []
        self.losses: list[float] = []

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        loss = self.w.sum() * torch.rand(()).add(0.5) if self.noisy else self.w.sum()
        self.rates.append(optim_wrapper.get_lr()["lr"][0])
        optim_wrapper.update_params(loss)
        reported = torch.tensor(self.losses.pop(0)) if self.losses else loss.detach()
        return {"loss": reported, "l1": reported / 2}

    noisy = False

    def val_step(self, data: Any) -> list[Any]:
        return list(data)

    def forward(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError


class Errors(BaseMetric):
    """The validation errors to come, one an epoch."""

    default_prefix = "val"

    def __init__(self, errors: Sequence[float]) -> None:
        super().__init__()
        self.errors = list(errors)

    def process(self, data_batch: Any, data_samples: Sequence[Any]) -> None:
        self.results += data_samples

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        return {"mae": self.errors.pop(0)}


def config(**train: Any) -> TrainConfig:
    """The `train` of a recipe: two epochs of SGD unless it says otherwise."""
    usual: Mapping[str, Any] = {"epochs": 2, "optimizer": {"type": "SGD", "lr": 0.1}}
    return TrainConfig.model_validate({**usual, **train})


def runner(
    folder: Path,
    model: Weight | None = None,
    *,
    train: TrainConfig | None = None,
    hooks: Sequence[Hook] = (),
    errors: Sequence[float] | None = None,
    optimizers: Sequence[str] = (),
) -> QuietRunner:
    """A Runner that has not begun.

    Args:
        folder: its working folder.
        model: what it trains.
        train: how.
        hooks: ours.
        errors: of the validation after each epoch; None validates nothing.
        optimizers: the parts of the model that get an optimiser each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return make_runner(
        model or Weight(),
        train or config(),
        Loader(),
        None if errors is None else (Loader(), Errors(errors)),
        folder=folder,
        seed=0,
        optimizers=optimizers,
        hooks=hooks,
    )


def watched(
    run: Run,
    model: Weight | None = None,
    *,
    train: TrainConfig | None = None,
    errors: Sequence[float] | None = None,
    after: Callable[[QuietRunner], None] | None = None,
    logs: Sequence[str] = (),
) -> tuple[QuietRunner, Course]:
    """A Runner of generation 1 of a run, and its course.

    Args:
        run: the run.
        model: what it trains.
        train: how.
        errors: of the validation after each epoch; None validates nothing.
        after: called when an epoch is closed.
        logs: what else is written for.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    train = train or config()
    told = {"display": Display(None, run.log), "watched": Watched(), "logs": logs}
    course = Course(run=run, number=1, config=train, hooks=build_hooks(train), **told)
    ours = [*course_hooks(course), *report_hooks(course), *([After(after)] if after else [])]
    hooks = [*course.hooks, *ours]
    return runner(run.generation(1), model, train=train, hooks=hooks, errors=errors), course


class After(Hook):
    """Calls something when an epoch is trained, validated and saved."""

    priority = "LOWEST"

    def __init__(self, call: Callable[[QuietRunner], None]) -> None:
        self.call = call

    def after_train_epoch(self, runner: Any) -> None:
        if runner.val_loop is None:
            self.call(runner)

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        self.call(runner)
