"""The faces of a run: split, decoded, and loaded onto the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.culprit import Culprit
from agekit.data.augment import Augment, normalise
from agekit.data.augmentation import Augmentation, MixingAugmentation
from agekit.data.base_loader import Batching
from agekit.data.loader import Batch, CachedFaces, FaceLoader, Normalisation
from agekit.data.pool import FacePool, Progress
from agekit.data.sampling import Sampling
from agekit.data.split import Faces
from agekit.data.table import SPLITS, Problem
from agekit.device import rank_and_world
from agekit.errors import ConfigError, DataError, counted
from agekit.progress import decoding
from agekit.recipe import DataConfig, TrainConfig
from agekit.recipe.parts import build_part
from agekit.registry import AUGMENTS
from agekit.training.demands import check
from agekit.training.display import Display
from agekit.zoo.config import ImageConfig

__all__ = ["TrainingFaces", "build_augmentations", "evaluation_faces", "try_augmentations"]

EVALUATION_BATCH = 256


class TrainingFaces:
    """A split dataset whose usable images are in the cache.

    Args:
        faces: the dataset, read and split.
        config: image size, normalisation, augmentation.
        device: where batches go.
        splits: the splits to decode.
        progress: called with the images decoded and to decode.

    Raises:
        DataError: a split in `splits` is left without a usable image.
    """

    def __init__(
        self,
        faces: Faces,
        config: DataConfig,
        device: torch.device,
        *,
        splits: tuple[str, ...] = SPLITS,
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

    @property
    def skipped(self) -> int:
        """The number of rows or images that are left out."""
        return sum(not problem.kept for problem in self.problems)

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

    def require_splits(self, config: TrainConfig) -> None:
        """Checks that there is a training split, and one to choose on where the best is kept.

        Raises:
            DataError: there is no training split.
            ConfigError: there is no validation split.
        """
        self.require("train")
        if "best" in (config.keep, config.keep_generation) and not self.has("val"):
            raise ConfigError(
                f"the best epoch or generation is chosen on the validation split, which "
                f"{self.faces.protocol} does not have",
                "choose another protocol, or keep the last: train.keep and train.keep_generation",
            )

    def has(self, split: str) -> bool:
        """True if a split has usable rows."""
        return split in self._rows

    def rows(self, split: str) -> NDArray[np.int64]:
        """The usable rows of a split, as indices into the face table."""
        return self._rows[split]

    @property
    def scored(self) -> tuple[str, ...]:
        """The splits that a trained network is scored on."""
        return tuple(split for split in ("val", "test") if self.has(split))

    @property
    def counts(self) -> dict[str, int]:
        """The number of usable rows of each split that has some."""
        return {split: len(rows) for split, rows in self._rows.items() if split != "all"}

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

    def sampling(self, epochs: int) -> Sampling | None:
        """The draws of the training faces in so many epochs; None where each comes once."""
        return None

    def training_loader(self, batch_size: int, seed: int, epochs: int = 1) -> FaceLoader:
        """Augmented training faces in a new order every epoch."""
        config = self.config.augment
        augment = None if config is None else Augment(**config.model_dump())
        batching = Batching(batch_size, seed, *rank_and_world())
        return self._loader(
            "train",
            batching,
            shuffle=True,
            sampling=self.sampling(epochs),
            augment=augment,
            augmentations=build_augmentations(self.config),
        )

    def _loader(self, split: str, batching: Batching, **options: Any) -> FaceLoader:
        table, rows, config = self.faces.table, self._rows[split], self.config
        faces = CachedFaces(self.images, self._slots[split], table.age[rows], table.sigma[rows])
        shown = Normalisation(config.mean, config.std, config.crop_pct, channels_last=True)
        return FaceLoader(faces, batching, shown, self.device, **options)


def build_augmentations(config: DataConfig) -> list[Augmentation]:
    """The augmentations that a recipe lists.

    Raises:
        ConfigError: two of them mix faces.
        ContractError: one cannot be built.
    """
    built: list[Augmentation] = [build_part(AUGMENTS, one) for one in config.augments]
    mixers = [
        part.type
        for part, one in zip(config.augments, built, strict=True)
        if isinstance(one, MixingAugmentation)
    ]
    if len(mixers) > 1:
        raise ConfigError(
            f"data.augments: {' and '.join(mixers)} both mix the faces of a batch",
            "keep one of them",
        )
    return built


def try_augmentations(config: DataConfig, device: torch.device) -> None:
    """Changes a few images of noise by every augmentation of a recipe.

    Raises:
        ConfigError: two of them mix faces.
        ContractError: one cannot be built, or does not give images.
    """
    images = torch.rand(4, 3, config.size, config.size, device=device)
    for part, one in zip(config.augments, build_augmentations(config), strict=True):
        culprit = Culprit("augment", part.type, one)
        kept = images.clone()
        with culprit.doing(f"cannot change images of {config.size} x {config.size} pixels"):
            drawn = one.draw(torch.rand(len(images), one.numbers)).to(device)
            images = one.to(device)(kept, drawn)
        check(culprit, "images", images, tuple(kept.shape))


def evaluation_faces(
    faces: Faces, image: ImageConfig, split: str, device: torch.device, display: Display
) -> TrainingFaces:
    """The faces of a split as a model takes them; tells what is left out.

    Args:
        faces: as the model is shown them.
        image: what the model takes.
        split: one of them, or ``all``.
        device: where batches go.
        display: for progress and what is told.

    Raises:
        DataError: no image of the split can be used.
    """
    config = DataConfig(**image.model_dump())
    splits = SPLITS if split == "all" else (split,)
    with decoding(display.console, config.size) as progress:
        data = TrainingFaces(faces, config, device, splits=splits, progress=progress)
    data.require(split)
    if left := [problem for problem in data.problems if not problem.kept]:
        first = f"{left[0].name}: {left[0].detail}"
        are = counted(len(left), "row or image is", "rows or images are")
        display.line(f"{are} left out, such as {first}")
    return data
