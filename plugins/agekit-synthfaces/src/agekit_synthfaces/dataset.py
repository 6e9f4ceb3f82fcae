"""`synthfaces`: the faces agekit draws itself, as a dataset that needs no download."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import Alignment, Dataset, FaceTable, Protocol, by_identity
from agekit_synthfaces.face import STYLE_VERSION, draw, person, sample_age

__all__ = ["PHOTOS", "ROWS", "SynthFaces", "SynthImages"]

ROWS = 6000
PHOTOS = 2
_TINY = 480
_SEED = 0


class SynthImages:
    """Drawings, made when they are decoded; row r is photo ``r % 2`` of person ``r // 2``.

    Args:
        seed: of the population.
        rows: which rows, (N,).
    """

    def __init__(self, seed: int, rows: NDArray[np.int64]) -> None:
        self.seed = seed
        self.rows = rows

    def __len__(self) -> int:
        """The number of drawings."""
        return len(self.rows)

    def name(self, i: int) -> str:
        """``person-00012-0``: who, and which photo."""
        who, photo = divmod(int(self.rows[i]), PHOTOS)
        return f"person-{who:05d}-{photo}"

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes of style, seed and row, which the drawing follows from."""
        return self._digests

    @cached_property
    def _digests(self) -> NDArray[np.uint8]:
        texts = (f"synthfaces {STYLE_VERSION} {self.seed} {r}".encode() for r in self.rows)
        data = b"".join(hashlib.blake2b(text, digest_size=16).digest() for text in texts)
        return np.frombuffer(data, np.uint8).reshape(-1, 16)

    def decode(self, i: int, size: int) -> NDArray[np.uint8]:
        """Draws row `i`: (size, size, 3), below 128 drawn at 128 and shrunk by area."""
        who, photo = divmod(int(self.rows[i]), PHOTOS)
        age = _ages(self.seed)[self.rows[i]]
        return draw(person(self.seed, who), float(age), size=size, variation=photo + 1)

    def take(self, index: NDArray[np.int64]) -> SynthImages:
        """The drawings of `index`, in that order."""
        return SynthImages(self.seed, self.rows[index])


@lru_cache(maxsize=4)
def _ages(seed: int) -> NDArray[np.int64]:
    """The age of every row; the two photos of a person are years apart."""
    ages = [sample_age(seed, row) for row in range(ROWS)]
    for row in range(1, ROWS, PHOTOS):
        again = row
        while ages[row] == ages[row - 1]:
            again += ROWS
            ages[row] = sample_age(seed, again)
    return np.array(ages, np.int64)


@lru_cache(maxsize=4)
def _genders(seed: int) -> NDArray[np.int8]:
    """0 male, 1 female, for every person; `Person.gender` has it the other way round."""
    return np.array([1 - person(seed, who).gender for who in range(ROWS // PHOTOS)], np.int8)


_exclusive = by_identity(0.8, 0.1, "synthfaces")


def _tiny(table: FaceTable) -> NDArray[np.int8]:
    first = table.identity < _TINY // PHOTOS
    return np.where(first, _exclusive(table), -1).astype(np.int8)


class SynthFaces(Dataset):
    """6,000 drawn faces of 3,000 people, each at two ages from 0 to 90."""

    name = "synthfaces"
    title = "SynthFaces"
    licence = "Apache-2.0"
    source = "drawn by agekit"
    layout = "nothing on disk"
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "default": Protocol(
            "default", "80/10/10 by person", _exclusive, ("mae",), subject_exclusive=True
        ),
        "tiny": Protocol(
            "tiny",
            "the first 480 rows, 80/10/10 by person",
            _tiny,
            ("mae",),
            subject_exclusive=True,
        ),
    }
    default_protocol = "default"
    needs_root = False
    alignment = Alignment(
        align="five-points",
        margin=0.239,
        points=(
            (0.3936, 0.4817),
            (0.6064, 0.4817),
            (0.5, 0.6094),
            (0.4082, 0.7171),
            (0.5918, 0.7171),
        ),
    )

    def read(self, root: Path | None = None) -> FaceTable:
        """The rows; nothing is drawn yet."""
        rows = np.arange(ROWS, dtype=np.int64)
        return FaceTable.build(
            SynthImages(_SEED, rows),
            _ages(_SEED),
            identity=rows // PHOTOS,
            gender=_genders(_SEED)[rows // PHOTOS],
        )
