"""How much of the network's own speed training reaches, and what an offspring costs.

Prints, as ratios of neighbouring measurements in one run on one device:

- a training step as ``agekit train`` takes it (loader, augmentation, Runner, hooks) against the
  same network, losses and optimiser alone, on one batch that is already there;
- an offspring's epoch against its ancestor's, the ancestor's outputs stored and recomputed online.

    python benchmarks/training.py [--recipe cen-resnet10-tiny] [--device cpu] [--rounds 5]

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
from mmengine.optim import OptimWrapper

from agekit.data.loader import Batch
from agekit.data.split import load_faces
from agekit.device import describe_device, pick_device
from agekit.estimator.build import build_loss
from agekit.recipe import LossTerm, Resolved, resolve
from agekit.training.display import Display
from agekit.training.faces import TrainingFaces
from agekit.training.lab import Lab
from agekit.training.run import Run
from agekit.training.schedule import optim_wrapper
from agekit.training.step import EstimatorStep, Term

__all__ = ["main"]

STEPS = 10


class NetworkAlone(Hook):  # type: ignore[misc]
    """After every few training steps times as many of the same network on a batch already there."""

    def __init__(self, lab: Callable[[], Lab], terms: list[LossTerm]) -> None:
        self.lab, self.terms = lab, terms
        self.ratios: list[float] = []
        self.step: EstimatorStep | None = None

    def before_train_epoch(self, runner: Any) -> None:
        """Builds the other network once, and lets the epoch warm up."""
        if self.step is None:
            lab = self.lab()
            built = [Term(t.type, t.head, t.weight, build_loss(t)) for t in self.terms]
            self.step = EstimatorStep(lab.network(1), built, None, runner.model._dtype)
            self.batch = next(iter(lab.faces.training_loader(lab.recipe.train.batch_size, 0)))
            config = optim_wrapper(lab.recipe.train)
            self.optimizer = OptimWrapper(
                getattr(torch.optim, config["optimizer"].pop("type"))(
                    self.step.parameters(), **config["optimizer"]
                )
            )
            self._alone()
        self.began: float | None = None

    def after_train_iter(self, runner: Any, batch_idx: int, *_: Any, **__: Any) -> None:
        """Pairs `STEPS` training steps, the loader's work included, with as many alone."""
        if (batch_idx + 1) % STEPS:
            return
        _wait(self.batch)
        now = time.perf_counter()
        alone = self._alone()
        if self.began is not None:
            self.ratios.append(alone / (now - self.began))
        self.began = time.perf_counter()

    def _alone(self) -> float:
        assert self.step is not None
        began = time.perf_counter()
        self.step.train()
        for _ in range(STEPS):
            self.step.train_step(self.batch, self.optimizer)
        _wait(self.batch)
        return time.perf_counter() - began


def _wait(batch: Batch) -> None:
    if batch.age.is_cuda:
        torch.cuda.synchronize()


def make_lab(resolved: Resolved, device: torch.device, folder: str) -> Lab:
    """A lab on synthfaces that shows nothing and keeps everything in `folder`."""
    run = Run(Path(folder))
    display = Display(None, None)
    faces = TrainingFaces(load_faces("synthfaces"), resolved.recipe.data, device)
    return Lab(resolved.recipe, faces, run, display, device, seed=0)


def train(lab: Lab, number: int, terms: list[LossTerm], **options: Any) -> list[float]:
    """Seconds a step, for each epoch of a generation."""
    lab.generation(number, terms, **options)
    steps = len(lab.faces.training_loader(lab.recipe.train.batch_size, 0))
    mine = [record for record in lab.run.records() if record["generation"] == number]
    return [record["seconds"] / steps for record in mine]


def show(what: str, ratios: list[float], bound: float, at_least: bool) -> bool:
    """Prints one ratio and whether it keeps its bound."""
    median = statistics.median(ratios)
    kept = median >= bound if at_least else median <= bound
    sign = ">=" if at_least else "<="
    print(
        f"{what}: {median:.3f} (min {min(ratios):.3f}, max {max(ratios):.3f}, n {len(ratios)})"
        f"  {'ok' if kept else 'MISSED'}: {sign} {bound}"
    )
    return kept


def main() -> int:
    """Runs and prints the measurements; gives the exit code."""
    parser = argparse.ArgumentParser(description="Training speed, as ratios.")
    parser.add_argument("--recipe", default="cen-resnet10-tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    options = parser.parse_args()
    device = pick_device(options.device)
    print(" ".join(f"{key}={value}" for key, value in describe_device(device).items()))

    def prepared(epochs: int) -> Resolved:
        return resolve(options.recipe, preset="quick", epochs=epochs, overrides=options.settings)

    resolved = prepared(options.rounds + 1)
    ancestor = [LossTerm.model_validate(t) for t in resolved.recipe.evolver.arguments["ancestor"]]
    offspring = [LossTerm.model_validate(t) for t in resolved.recipe.evolver.arguments["offspring"]]
    with tempfile.TemporaryDirectory() as folder:
        lab = make_lab(resolved, device, folder)
        alone = NetworkAlone(lambda: lab, ancestor)
        lab.hooks = [alone]
        train(lab, 1, ancestor)
        print(f"{options.recipe}, {resolved.recipe.data.size} px")
    kept = show("training speed / network alone", alone.ratios, 0.95, at_least=True)

    costs: dict[str, list[float]] = {"stored": [], "online": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            lab = make_lab(prepared(2), device, folder)
            network = lab.generation(1, ancestor)
            first = min(r["seconds"] for r in lab.run.records())
            steps = len(lab.faces.training_loader(lab.recipe.train.batch_size, 0))
            for number, outputs in enumerate(costs, start=2):
                times = train(lab, number, offspring, ancestor=network, online=outputs == "online")
                costs[outputs].append(min(times) / (first / steps))
    kept &= show("offspring epoch / ancestor epoch, stored", costs["stored"], 1.1, at_least=False)
    online = costs["online"]
    print(
        f"offspring epoch / ancestor epoch, online: {statistics.median(online):.3f} "
        f"(min {min(online):.3f}, max {max(online):.3f}, n {len(online)})"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
