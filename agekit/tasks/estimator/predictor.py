"""A loaded model: images in, ages with intervals and distributions out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from agekit.data.augment import normalise
from agekit.device import pick_device
from agekit.inference.face import Chip, Face
from agekit.inference.model import PredictorBase, WhichFaces
from agekit.inference.prediction import Prediction
from agekit.tasks.estimator.build import load_estimator
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.model import AgeEstimator
from agekit.zoo.folder import within_model
from agekit.zoo.index import default_model
from agekit.zoo.locate import locate

__all__ = ["Face", "Prediction", "Predictor", "WhichFaces", "load"]


class Predictor(PredictorBase):
    """A model ready to estimate.

    Args:
        network: in evaluation mode, on its device.
        config: the model's configuration.
    """

    def __init__(self, network: AgeEstimator, config: EstimatorConfig) -> None:
        device = next(network.parameters()).device
        super().__init__(
            config.name,
            config.face,
            config.image.size,
            config.interval.level,
            device,
            partial(within_model, config),
        )
        self.network = network
        self.config = config
        self._mean = torch.tensor(config.image.mean, device=self.device)
        self._std = torch.tensor(config.image.std, device=self.device)

    @torch.no_grad()
    def estimate(self, chips: Sequence[Chip]) -> list[Face]:
        """The age of each chip."""
        batch = normalise(
            torch.from_numpy(np.stack([chip.pixels for chip in chips])).to(self.device),
            self._mean,
            self._std,
            crop_pct=self.config.image.crop_pct,
        )
        estimate = self.network.estimate(self.network.forward_tta(batch))
        labels = tuple(range(self.network.ages[0], self.network.ages[1] + 1))
        columns = [x.cpu().tolist() for x in (estimate.age, estimate.low, estimate.high)]
        p = estimate.distribution
        rows = [None] * len(chips) if p is None else [tuple(row) for row in p.cpu().tolist()]
        return [
            chip.face(age, (low, high), labels, row)
            for chip, age, low, high, row in zip(chips, *columns, rows, strict=True)
        ]


def load(model: str | Path | None = None, device: str = "auto") -> Predictor:
    """Loads a model for prediction.

    Args:
        model: a name of the zoo, ``hf-hub:org/repo@revision``, a model folder or a run folder; None
            takes the zoo's default estimator, which comes with the package. What is not on this
            machine is fetched.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ModelError: there is no such model, or its files are damaged.
    """
    folder = locate(default_model("estimator") if model is None else model)
    return Predictor(*load_estimator(folder, pick_device(device)))
