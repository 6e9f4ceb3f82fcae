"""The faces of an ager's run: two domains, decoded, in pairs and in order."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.data.base_loader import Batching
from agekit.data.pool import FacePool, Progress
from agekit.data.split import Faces
from agekit.data.table import SPLITS, Problem
from agekit.device import rank_and_world
from agekit.errors import DataError
from agekit_ager.domains import DOMAINS, domain_codes
from agekit_ager.pairs import PairLoader, to_network
from agekit_ager.recipe import AgerDataConfig

__all__ = ["DomainFaces"]


class DomainFaces:
    """The young and the old faces of a split dataset, in the cache.

    Args:
        faces: the dataset, read and split.
        config: the domains, the size, the augmentation.
        device: where batches go.
        progress: called with the images decoded and to decode.

    Raises:
        DataError: a domain has too few faces to train on.
        ConfigError: the domains do not fit the dataset.
    """

    def __init__(
        self,
        faces: Faces,
        config: AgerDataConfig,
        device: torch.device,
        *,
        progress: Progress | None = None,
    ) -> None:
        self.faces = faces
        self.config = config
        self.device = device
        table = faces.table
        domain = domain_codes(table, config.domains, config.kept)
        self._rows: dict[tuple[str, str], NDArray[np.int64]] = {}
        self._train = self._fill("train", domain, config.stored, progress)
        self._shown = self._fill("test", domain, config.size, progress)
        if any(len(slots) < 2 for slots in self._train[1]):
            have = ", ".join(f"{d} {len(s)}" for d, s in zip(DOMAINS, self._train[1], strict=True))
            raise DataError(
                f"{faces.protocol}: too few faces to train on ({have}); each domain needs 2",
                "choose other domains, or another protocol",
            )

    def _fill(
        self, split: str, domain: NDArray[np.int8], size: int, progress: Progress | None
    ) -> tuple[NDArray[np.uint8], list[NDArray[np.int64]], list[Problem]]:
        """The pool's images of a size, the slots of both domains in a split, what is unusable."""
        pool = FacePool.open(size)
        here = (self.faces.codes == SPLITS.index(split)) & (domain >= 0)
        rows = np.flatnonzero(here)
        source = self.faces.table.images.take(rows)
        slots = pool.slots(source, progress)
        good = slots >= 0
        both = []
        for code, name in enumerate(DOMAINS):
            mine = good & (domain[rows] == code)
            self._rows[split, name] = rows[mine]
            both.append(slots[mine])
        return pool.images, both, pool.problems(source, slots)

    @property
    def problems(self) -> list[Problem]:
        """What the reader and the decoding left out."""
        return [*self.faces.problems, *self._train[2], *self._shown[2]]

    def count(self, split: str, domain: str) -> int:
        """How many usable faces of a domain the split ``train`` or ``test`` has."""
        return len(self._rows[split, domain])

    def rows(self, split: str, domain: str) -> NDArray[np.int64]:
        """The table's rows of those faces."""
        return self._rows[split, domain]

    def pairs(self, batch_size: int, seed: int) -> PairLoader:
        """The training pairs."""
        images, (young, old), _ = self._train
        return PairLoader(
            images,
            young,
            old,
            size=self.config.size,
            flip=self.config.flip,
            batching=Batching(batch_size, seed, *rank_and_world()),
            device=self.device,
        )

    def shown(self, domain: str, most: int) -> Tensor:
        """Up to `most` faces to look at: (N, 3, size, size), -1 to 1, on the device.

        They are spread over the test split or, without one, over the training split.
        """
        code = DOMAINS.index(domain)
        images, slots = self._shown[0], self._shown[1][code]
        if not len(slots):
            images, slots = self._train[0], self._train[1][code]
        chosen = slots[np.unique(np.linspace(0, len(slots) - 1, most).round().astype(int))]
        edge = (images.shape[1] - self.config.size) // 2
        middle = slice(edge, edge + self.config.size)
        pixels = np.stack([images[slot, middle, middle] for slot in chosen.tolist()])
        return to_network(torch.from_numpy(pixels).to(self.device))
