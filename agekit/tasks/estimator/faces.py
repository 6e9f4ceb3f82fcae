"""The faces of a run: split, decoded, and loaded onto the device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.augment import Augment, normalise
from agekit.data.base_loader import Batching
from agekit.data.loader import Batch, CachedFaces, FaceLoader, Normalisation
from agekit.data.pool import FacePool, Progress
from agekit.data.protocols import by_content, by_identity
from agekit.data.split import Faces
from agekit.data.table import SPLITS, Problem
from agekit.device import rank_and_world
from agekit.errors import DataError
from agekit.recipe import DataConfig

__all__ = ["TrainingFaces"]

EVALUATION_BATCH = 256
HOLDOUT = "holdout"
"""What the training faces are called that are not trained on, but calibrate the intervals."""


class TrainingFaces:
    """A split dataset whose usable images are in the cache.

    Args:
        faces: the dataset, read and split.
        config: image size, normalisation, augmentation.
        device: where batches go.
        splits: the splits to decode.
        holdout: the share of the training faces to hold out for the calibration: by the hash of
            their content, or of the person where no person is in two splits.
        progress: called with the images decoded and to decode.

    Raises:
        DataError: a split in `splits` is left without a usable image; nothing is held out.
    """

    def __init__(
        self,
        faces: Faces,
        config: DataConfig,
        device: torch.device,
        *,
        splits: tuple[str, ...] = SPLITS,
        holdout: float = 0.0,
        progress: Progress | None = None,
    ) -> None:
        self.faces = faces
        self.config = config
        self.device = device
        pool = FacePool.open(config.size)
        rows = np.flatnonzero(np.isin(faces.codes, [SPLITS.index(s) for s in splits]))
        source = faces.table.images.take(rows)
        slots = pool.slots(source, progress)
        self.problems: list[Problem] = [*faces.problems, *pool.problems(source, slots)]
        self.images = pool.images
        good = slots >= 0
        self._rows: dict[str, NDArray[np.int64]] = {}
        self._slots: dict[str, NDArray[np.int64]] = {}
        for split in splits:
            here = good & (faces.codes[rows] == SPLITS.index(split))
            if here.any():
                self._rows[split], self._slots[split] = rows[here], slots[here]
        if good.any():
            self._rows["all"], self._slots["all"] = rows[good], slots[good]

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

    def require(self, split: str) -> None:
        """Checks that a split has rows whose images can be read.

        Raises:
            DataError: it has not.
        """
        if not self.has(split):
            self.faces.rows(split)  # type: ignore[arg-type]
            raise DataError(
                f"{self.faces.protocol}: no image of the {split} split can be read",
                f"the first problem: {self.problems[0].name}: {self.problems[0].detail}",
            )

    def has(self, split: str) -> bool:
        """Whether a split has usable rows."""
        return split in self._rows

    def rows(self, split: str) -> NDArray[np.int64]:
        """The usable rows of a split, as indices into the face table."""
        return self._rows[split]

    @property
    def scored(self) -> tuple[str, ...]:
        """The splits that a trained network is scored on."""
        return tuple(split for split in ("val", "test") if self.has(split))

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
        """How many faces of a split are younger or older than the label ages."""
        low, high = self.config.ages or self.ages
        age = self.faces.table.age[self._rows[split]].round() if self.has(split) else np.empty(0)
        return int(((age < low) | (age > high)).sum())

    def age(self, split: str) -> Tensor:
        """True ages of a split in years, (N,)."""
        return torch.from_numpy(self.faces.table.age[self._rows[split]])

    def loader(self, split: str, *, ours_only: bool = False) -> FaceLoader:
        """All faces of a split in order, as they are.

        Args:
            split: which.
            ours_only: this process's share of them, not all.
        """
        rank, world = rank_and_world() if ours_only else (0, 1)
        return self._loader(split, Batching(EVALUATION_BATCH * world, rank=rank, world=world))

    def sample(self, split: str, rows: Sequence[int]) -> list[Batch]:
        """One batch of a few faces of a split, by their position in it."""
        table, at = self.faces.table, self._rows[split][list(rows)]
        images = normalise(
            torch.from_numpy(np.stack(self.pixels(split, rows))).to(self.device),
            torch.tensor(self.config.mean, device=self.device),
            torch.tensor(self.config.std, device=self.device),
            crop_pct=self.config.crop_pct,
        )
        age = torch.from_numpy(table.age[at]).to(self.device)
        sigma = torch.from_numpy(table.sigma[at]).to(self.device)
        return [Batch(images, age, sigma, torch.tensor(list(rows), device=self.device))]

    def pixels(self, split: str, rows: Sequence[int]) -> list[NDArray[np.uint8]]:
        """A few images of a split, (size, size, 3) each."""
        return [np.array(self.images[slot]) for slot in self._slots[split][list(rows)]]

    def watched(self) -> FaceLoader | None:
        """This process's share of the faces whose error is watched during training."""
        return self.loader("val", ours_only=True) if self.has("val") else None

    def training_loader(self, batch_size: int, seed: int) -> FaceLoader:
        """Augmented training faces in a new order every epoch."""
        config = self.config.augment
        augment = None if config is None else Augment(**config.model_dump())
        batching = Batching(batch_size, seed, *rank_and_world())
        return self._loader("train", batching, shuffle=True, augment=augment)

    def _loader(self, split: str, batching: Batching, **options: Any) -> FaceLoader:
        table, rows, config = self.faces.table, self._rows[split], self.config
        faces = CachedFaces(self.images, self._slots[split], table.age[rows], table.sigma[rows])
        shown = Normalisation(config.mean, config.std, config.crop_pct, channels_last=True)
        return FaceLoader(faces, batching, shown, self.device, **options)
