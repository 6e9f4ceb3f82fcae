"""A plugin with good parts and one of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from agekit.cli import main
from conftest import WritePlugin

__all__ = ["Install", "installer", "train_it"]

Install = Callable[[str, str], Path]
"""Installs a part of a kind by its source, called Part; gives the path of its module."""
SOURCE = """
import numpy as np
import torch
from torch import nn
from agekit.tasks.generator import Generator
from agekit.data.dataset import Dataset
from agekit.data.protocols import Protocol
from agekit_synthfaces.dataset import SynthFaces
from agekit.tasks.estimator.base import Head, Loss
from agekit.tasks.estimator.estimate import Estimate
from agekit.training.evolver import Evolver

class Good(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    def forward(self, images):
        return self.net(images)

class Reg(Head):
    def __init__(self, in_features, ages):
        super().__init__(in_features, ages)
        self.fc = nn.Linear(in_features, 1)
    def forward(self, features):
        return self.fc(features).squeeze(-1)
    def estimate(self, raw, rule, level):
        age = raw * 50
        return Estimate(age, age - 1, age + 1)

class Mean(Loss):
    def forward(self, raw, target, ancestor=None):
        return (raw.float() - target.unit).abs().mean()

class Train(Evolver):
    first = "losses"
    def __init__(self, *, losses: "LossTerms") -> None:
        self.losses = losses
    def run(self, trainer):
        return trainer.generation(1, self.losses)
"""


def installer(write_plugin: WritePlugin) -> Install:
    """What installs good parts and one other, called thrown-bad."""

    def install(kind: str, source: str) -> Path:
        points = {
            "backbone": {"thrown-good": "thrown:Good"},
            "head": {"thrown-good": "thrown:Reg"},
            "loss": {"thrown-good": "thrown:Mean"},
            "evolver": {"thrown-good": "thrown:Train"},
        }
        points.setdefault(kind, {})["thrown-bad"] = "thrown:Part"
        site = write_plugin(
            "agekit-thrown", points, {"thrown.py": SOURCE + "\n# the part\n" + dedent(source)}
        )
        return site / "thrown.py"

    return install


def train_it(folder: Path, kind: str) -> object:
    """Trains with the bad part of a kind, into ``folder/run``; gives the exit status."""
    dataset = "thrown-bad" if kind == "dataset" else "synthfaces"
    words = ["--protocol", "tiny", "--out", str(folder / "run"), "--device", "cpu"]
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(_recipe(folder, kind)), dataset, *words])
    return stopped.value.code


def _recipe(folder: Path, bad: str) -> Path:
    path = folder / "mine.yaml"
    kinds = ("backbone", "head", "loss", "evolver")
    used = {kind: f"thrown-{'bad' if kind == bad else 'good'}" for kind in kinds}
    path.write_text(
        f"backbone: {{type: {used['backbone']}}}\nheads:\n  reg: {{type: {used['head']}}}\n"
        f"evolver:\n  type: {used['evolver']}\n"
        f"  losses: [{{type: {used['loss']}, head: reg}}]\n"
        "train: {epochs: 1, batch_size: 32, amp: fp32}\ndata: {size: 32}\n"
    )
    return path
