"""How much of the network's own speed training reaches, and what an offspring costs.

Prints, as ratios of neighbouring measurements in one run on one device:

- a training step as ``agekit train`` takes it (loader, augmentation, Runner, hooks) against the
  same network, losses and optimiser alone, on one batch that is already there;
- an offspring's step against its ancestor's, each held against the same network alone, with the
  ancestor's outputs stored and recomputed online.

    python benchmarks/training.py [--recipe cen-resnet10-tiny] [--device cpu] [--epochs 6]

Exits with 1 where training is below 95 % of the network alone, or an offspring above 1.1 ancestors.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook

from agekit.data.loader import Batch
from agekit.data.split import Faces, load_faces
from agekit.device import describe_device, pick_device
from agekit.recipe import LossTerm, Resolved, resolve
from agekit.tasks.estimator.faces import EstimatorFaces
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.step import EstimatorStep
from agekit.tasks.estimator.terms import build_term
from agekit.tasks.estimator.trainer import EstimatorTrainer
from agekit.training.display import Display
from agekit.training.optimize import optim_wrapper
from agekit.training.run import Run

__all__ = ["main"]

STEPS = 10


class Alone:
    """Training steps of a network and its losses on a batch that is already there.

    Args:
        trainer: of which are the network, the batch and the optimiser.
        terms: the losses.
        dtype: of autocast, or None for float32.
    """

    def __init__(
        self, trainer: EstimatorTrainer, terms: list[LossTerm], dtype: torch.dtype | None
    ) -> None:
        built = [build_term(term) for term in terms]
        self.step = EstimatorStep(trainer.network(1), built, None, dtype)
        loader = trainer.faces.training_loader(trainer.recipe.train.batch_size, 0)
        self.batch: Batch = next(iter(loader))
        self.optimizer = optim_wrapper(trainer.recipe.train, self.step)

    def __call__(self) -> None:
        """`STEPS` steps."""
        self.step.train()
        for _ in range(STEPS):
            self.step.train_step(self.batch, self.optimizer)


Others = Callable[[torch.dtype | None], dict[str, Callable[[], None]]]


class Beside(Hook):  # type: ignore[misc]
    """After every few training steps times as many of others.

    Args:
        others: makes them, given the type of autocast; each call of one takes `STEPS` steps.

    Attributes:
        ratios: the time of each over that of the training, pair by pair.
    """

    def __init__(self, others: Others) -> None:
        self._make = others
        self._others: dict[str, Callable[[], None]] = {}
        self.ratios: dict[str, list[float]] = {}

    def before_train_epoch(self, runner: Any) -> None:
        """Builds the others once, and lets the epoch warm up."""
        if not self._others:
            self._others = self._make(runner.model._dtype)
            self.ratios = {name: [] for name in self._others}
            for other in self._others.values():
                other()
        self.began: float | None = None

    def after_train_iter(self, runner: Any, batch_idx: int, *_: Any, **__: Any) -> None:
        """Pairs `STEPS` training steps, the loader's work included, with as many of each other."""
        if (batch_idx + 1) % STEPS:
            return
        spent = None if self.began is None else _now() - self.began
        for name, other in self._others.items():
            began = _now()
            other()
            if spent is not None:
                self.ratios[name].append((_now() - began) / spent)
        self.began = _now()


def _now() -> float:
    """Seconds, once the device has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def make_trainer(
    resolved: Resolved, device: torch.device, folder: str, faces: Faces | None = None
) -> EstimatorTrainer:
    """A trainer, on synthfaces if not told, that shows nothing and keeps all in `folder`."""
    run = Run(Path(folder))
    display = Display(None, None)
    recipe = resolved.recipe
    assert isinstance(recipe, EstimatorRecipe)
    data = EstimatorFaces(faces or load_faces("synthfaces"), recipe.data, device)
    return EstimatorTrainer(recipe=recipe, faces=data, run=run, display=display, seed=0)


def pairs(
    trainer: EstimatorTrainer,
    number: int,
    terms: list[LossTerm],
    alone: list[LossTerm],
    **options: Any,
) -> list[float]:
    """Trains a generation; the network's time alone over the training's, pair by pair."""
    hook = Beside(lambda dtype: {"alone": Alone(trainer, alone, dtype)})
    trainer.hooks = [hook]
    trainer.generation(number, terms, **options)
    return hook.ratios["alone"]


def show(what: str, value: float, ratios: list[float], bound: float, at_least: bool) -> bool:
    """Prints a median and whether it keeps its bound."""
    kept = value >= bound if at_least else value <= bound
    sign = ">=" if at_least else "<="
    low, _, high = statistics.quantiles(ratios, n=4)
    print(
        f"{what}: {value:.3f}  {'ok' if kept else 'MISSED'} ({sign} {bound}; "
        f"{len(ratios)} pairs, quartiles of network alone / training {low:.3f} {high:.3f})"
    )
    return kept


def main() -> int:
    """Runs and prints the measurements; gives the exit code."""
    parser = argparse.ArgumentParser(description="Training speed, as ratios.")
    parser.add_argument("--recipe", default="cen-resnet10-tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    device = pick_device(options.device)
    print(" ".join(f"{key}={value}" for key, value in describe_device(device).items()))
    resolved = resolve(
        options.recipe, preset="quick", epochs=options.epochs, overrides=options.settings
    )
    print(f"{options.recipe}, {resolved.recipe.data.size} px")
    arguments = resolved.recipe.evolver.arguments
    ancestor = [LossTerm.model_validate(term) for term in arguments["ancestor"]]
    offspring = [LossTerm.model_validate(term) for term in arguments["offspring"]]
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(resolved, device, folder)
        first = pairs(trainer, 1, ancestor, ancestor)
        network = trainer.network(1)
        stored = pairs(trainer, 2, offspring, ancestor, ancestor=network)
        online = pairs(trainer, 3, offspring, ancestor, ancestor=network, online=True)
    speed = statistics.median(first)
    kept = show("training / network alone, speed", speed, first, 0.95, at_least=True)
    cost = speed / statistics.median(stored)
    kept &= show("offspring / ancestor, time, stored", cost, stored, 1.1, at_least=False)
    print(f"offspring / ancestor, time, online: {speed / statistics.median(online):.3f}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
