"""The faces of an estimator's run: label ages, and what its intervals are calibrated on."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from agekit.data.protocols import by_content, by_identity
from agekit.data.sampling import Sampling, age_weights, dataset_weights
from agekit.data.split import Faces
from agekit.errors import DataError
from agekit.tasks.estimator.recipe import EstimatorDataConfig
from agekit.training.faces import TrainingFaces

__all__ = ["HOLDOUT", "EstimatorFaces"]

HOLDOUT = "holdout"
"""What the training faces are called that are not trained on, but calibrate the intervals."""


class EstimatorFaces(TrainingFaces):
    """Faces with label ages.

    Args:
        faces: as `TrainingFaces`.
        config: as `TrainingFaces`, with the label ages.
        device: as `TrainingFaces`.
        holdout: the share of the training faces to hold out for the calibration: by the hash of
            their content, or of the person where no person is in two splits.
        options: as `TrainingFaces`.

    Raises:
        DataError: see `TrainingFaces`; or nothing is held out.
    """

    config: EstimatorDataConfig

    def __init__(
        self,
        faces: Faces,
        config: EstimatorDataConfig,
        device: torch.device,
        *,
        holdout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(faces, config, device, **options)
        if holdout and "train" in self._rows:
            self._hold_out(holdout)

    def _hold_out(self, share: float) -> None:
        rule = by_identity if self.faces.subject_exclusive else by_content
        rows, slots = self._rows["train"], self._slots["train"]
        held = rule(share, 0.0, HOLDOUT)(self.faces.table)[rows] == 0
        if held.all() or not held.any():
            raise DataError(
                f"{self.faces.protocol}: {share:g} of {len(rows):,} training faces are "
                f"{int(held.sum())}: none would be left to train on, or to calibrate on",
                "choose another estimate.holdout",
            )
        for split, here in ((HOLDOUT, held), ("train", ~held)):
            self._rows[split], self._slots[split] = rows[here], slots[here]

    def sampling(self, epochs: int) -> Sampling | None:
        """As `data.balance` and `data.weights` of the recipe say."""
        config, rows = self.config, self._rows["train"]
        common = dataset_weights(self.faces.table, rows, config.weights)
        balance = config.balance
        ages = None if balance is None else age_weights(self.faces.table.age[rows], balance)
        if common is None and ages is None:
            return None
        return Sampling(common, ages, balance, epochs)

    @property
    def calibration(self) -> str:
        """The split that intervals are calibrated on."""
        return next(split for split in (HOLDOUT, "val", "train") if self.has(split))

    @cached_property
    def ages(self) -> tuple[int, int]:
        """The label ages: as configured, else those of the training faces, whole years.

        Raises:
            DataError: the training faces are all of one age, or some lie outside of them.
        """
        rows = np.concatenate([self._rows[s] for s in ("train", HOLDOUT) if self.has(s)])
        age = self.faces.table.age[rows]
        low, high = round(float(age.min())), round(float(age.max()))
        if (ages := self.config.ages) is not None:
            if outside := sum(self.outside(split) for split in ("train", HOLDOUT)):
                raise DataError(
                    f"{self.faces.protocol}: {outside:,} of {len(age):,} training faces, of ages "
                    f"{low} to {high}, lie outside the label ages {ages[0]}-{ages[1]} (data.ages)",
                    "set data.ages to cover them, or leave those faces out of the training split",
                )
            return ages
        if low == high:
            raise DataError(
                f"{self.faces.protocol}: all training faces are {low} years old",
                "an estimator needs at least two ages to learn from",
            )
        return low, high

    def outside(self, split: str) -> int:
        """The number of faces of a split that are younger or older than the label ages."""
        low, high = self.config.ages or self.ages
        age = self.faces.table.age[self._rows[split]].round() if self.has(split) else np.empty(0)
        return int(((age < low) | (age > high)).sum())
