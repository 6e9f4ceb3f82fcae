"""The evolver `prototypes`: mean faces and energies of every age, and their strength."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from agekit_ager import AgeEvolver, AgeTrainer
from agekit_ager.judges.load import load_judges
from torch import nn

from agekit.errors import ConfigError
from agekit.plugin import Culprit, Faces
from agekit_prototypes.calibration import USUAL, calibrate
from agekit_prototypes.network import PrototypeAger
from agekit_prototypes.registration import SIDE, learn_shape
from agekit_prototypes.selection import chosen, seen, sharper, sources
from agekit_prototypes.statistics import Statistics, shares

__all__ = ["PrototypesEvolver"]

BATCH = 32


class PrototypesEvolver(AgeEvolver):
    """Makes an ager of statistics, in one pass over the faces.

    Args:
        most: training faces of each decade, gender and dataset to choose from; the sharper half of
            them counts.
        guide: the estimator of the zoo, or the folder of one, by which the strength is calibrated
            on validation faces; None leaves the strength at 1.6.
        tried: validation faces of each decade that it looks at.
    """

    def __init__(
        self, *, most: int = 150, guide: str | None = "sord-lite0", tried: int = 10
    ) -> None:
        for name, value in (("most", most), ("tried", tried)):
            if value < 1:
                raise ConfigError(f"evolver.{name}: must be at least 1 (got {value})")
        self.most = most
        self.guide = guide
        self.tried = tried

    def select(self, faces: Faces) -> Faces:
        """As many of each age, gender and dataset."""
        return chosen(faces, self.most)

    def rehearse(self, recipe: object, network: object, device: torch.device) -> None:
        """Finds the guide, before any face is decoded.

        Raises:
            ContractError: the generator is no `PrototypeAger`.
            ModelError: there is no such guide.
        """
        if not isinstance(network, PrototypeAger):
            raise Culprit("generator", type(network).__name__, network).error(
                "is no generator of prototypes", "choose the generator prototypes"
            )
        if self.guide is not None:
            load_judges([self.guide], device)

    def run(self, trainer: AgeTrainer) -> nn.Module:
        """One generation."""
        network = trainer.network(1)
        assert isinstance(network, PrototypeAger)

        def learn() -> None:
            # One pass of sums over a few thousand faces: no device is worth the transfers.
            ager = network.cpu()
            count = self._learn(ager, trainer)
            trainer.display.line(f"  prototypes of {count:,} faces, the sharper half")
            self._calibrate(ager, trainer)
            network.to(trainer.device)

        return trainer.train(1, network, learn)

    def _learn(self, ager: PrototypeAger, trainer: AgeTrainer) -> int:
        """Fills the prototypes; gives how many faces they are of."""
        data = trainer.faces
        rows, table = data.rows("train"), data.faces.table
        pixels = data.pixels("train", range(len(rows)))
        age, part = table.age[rows].astype(np.float64), sources(data.faces)[rows]
        keep = np.flatnonzero(sharper(pixels, part * 16 + (age // 10).astype(np.int64)))
        kept, age, gender = rows[keep], age[keep], table.gender[rows[keep]].astype(np.int64)
        share = shares(age, gender, part[keep] * 1000 + table.group[kept])
        statistics = Statistics(ager, trainer.recipe.data.size)
        there = np.stack([seen(table.images, int(row)) for row in kept])
        for start in range(0, len(keep), BATCH):
            now = slice(start, start + BATCH)
            statistics.add(
                np.stack([pixels[i] for i in keep[now]]),
                there[now],
                share[..., now],
                gender[now],
            )
        statistics.finish()
        small = [cv2.resize(pixels[i], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for i in keep]
        learn_shape(ager, np.stack(small), there, share)
        return len(keep)

    def _calibrate(self, ager: PrototypeAger, trainer: AgeTrainer) -> None:
        """Fills the strengths, by validation faces where there are some."""
        data = trainer.faces
        if self.guide is None or not data.has("val"):
            why = "no guide" if self.guide is None else "no validation faces"
            trainer.display.line(f"  {why} to calibrate the strength: it stays {USUAL:g}")
            ager.strength.fill_(USUAL)
            return
        [judge] = load_judges([self.guide], torch.device("cpu"))
        note = judge.expect(data.faces.face, "the faces")
        if note is not None:
            trainer.display.line(f"  {note}")
        faces = np.stack(data.pixels("val", range(len(data.rows("val")))))
        age = data.faces.table.age[data.rows("val")].astype(np.float64)
        calibrate(ager, faces, age, lambda chips: judge.predict(chips).age, self.tried)
        trainer.display.line(f"  strength calibrated by {judge.name} on validation faces")
