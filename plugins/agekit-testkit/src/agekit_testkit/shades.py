"""Grey faces whose age is half their grey level, an estimator that sees it, an ager that adds."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from agekit_ager.build import build_ager
from agekit_ager.config import AgerConfig
from PIL import Image

from agekit.recipe import PartConfig
from agekit.tasks.estimator.build import build_network
from agekit.tasks.estimator.config import EstimatorConfig, IntervalConfig
from agekit.zoo.config import ImageConfig
from agekit.zoo.folder import save_model

PARTS = """
    import torch
    from torch import nn

    from agekit.tasks.generator import Generator
    from agekit.tasks.estimator.base import Head
    from agekit.tasks.estimator.estimate import Estimate

    class Shade(Generator):
        def __init__(self):
            super().__init__()
            self.levels = nn.Parameter(torch.zeros(()))

        def forward(self, images):
            return images + self.levels / 127.5

    class Grey(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(()))

        def forward(self, images):
            return self.gain * images.mean((2, 3))

    class Halves(Head):
        def forward(self, features):
            return features.mean(1)

        def estimate(self, raw, rule, level):
            age = raw * 255 / 2
            return Estimate(age, age, age)
"""
POINTS = {
    "generator": {"shade": "shades:Shade"},
    "backbone": {"grey": "shades:Grey"},
    "head": {"halves": "shades:Halves"},
}
SIZE = 16
YOUNG, OLD = tuple(range(20, 30)), tuple(range(50, 60))


def write_parts(write_plugin: Callable[..., Path]) -> None:
    """A distribution with the generator, the backbone and the head."""
    write_plugin("shades", POINTS, {"shades.py": PARTS})


def write_ager(folder: Path, older: int, younger: int) -> Path:
    """An ager that adds two grey levels a year: `older` years one way, `younger` the other."""
    part = PartConfig(type="shade")
    ager = build_ager(part)
    with torch.no_grad():
        for generator, years in ((ager.old, older), (ager.young, younger)):
            dict(generator.named_parameters())["levels"].fill_(2 * years)
    config = AgerConfig(
        name="shade",
        generator=part,
        image=ImageConfig(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        domains={"young": "ages 20-29", "old": "ages 50-59"},
        parameters=2,
    )
    save_model(folder, ager, config, {}, "# shade\n")
    return folder


def write_judge(folder: Path, name: str = "halves") -> Path:
    """An estimator whose age is half the mean grey level."""
    backbone, heads = PartConfig(type="grey"), {"age": PartConfig(type="halves")}
    network = build_network(backbone, heads, (0, 100), SIZE)
    config = EstimatorConfig(
        name=name,
        backbone=backbone,
        heads=heads,
        ages=(0, 100),
        image=ImageConfig(size=SIZE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        rule="expectation",
        interval=IntervalConfig(level=0.9, margin=0.0, calibrated_on="val"),
        parameters=1,
    )
    save_model(folder, network, config, {}, "# halves\n")
    return folder


def write_faces(
    folder: Path, young: Sequence[int] = YOUNG, old: Sequence[int] = OLD, *, off: int = 0
) -> Path:
    """Flat images that look `off` years older than the csv says; every other one is male."""
    folder.mkdir()
    rows = []
    for k, age in enumerate((*young, *old)):
        name = f"{k}.png"
        pixels = np.full((SIZE, SIZE, 3), 2 * (age + off), np.uint8)
        pixels[0, k % SIZE] += np.array([1, 0, 255], np.uint8)
        Image.fromarray(pixels).save(folder / name)
        group = "A" if k < len(young) else "B"
        rows.append([name, age, ("male", "female")[k % 2], group, "test"])
    with open(folder / "labels.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "age", "gender", "group", "split"], *rows])
    return folder
