"""`wiki-aginggan`: the young and the old faces of WIKI that AgingGAN was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import SPLITS, Alignment, FaceTable, Problem, Protocol, by_content, decode
from agekit_datasets.imdb_wiki import WIKI, Conditions, Part, read_part, years
from agekit_datasets.matlab import numbers
from agekit_datasets.two_folder import DOMAINS

__all__ = ["WIKIAgingGAN"]

_TEST = SPLITS.index("test")
_BYTES = 2048
_SIDE = 180
_COLOUR = 3.0
"""Grey levels between a pixel's channels, on average; of a grey JPEG they are below 1."""


def _split(table: FaceTable) -> NDArray[np.int8]:
    """5 % to test on; the others to train on, but those that `WIKIAgingGAN` marks as small."""
    codes = by_content(0.95, 0, "aginggan")(table)
    return np.where((codes != _TEST) & (table.split == _TEST), -1, codes).astype(np.int8)


class WIKIAgingGAN(WIKI):
    """The 20s (group ``A``) and 50s (``B``) of WIKI, as AgingGAN's authors chose them.

    The age is the year of the photo less that of birth; the face's score is above 3 for a young
    face and above 1 for an old one, and a second face does not matter; the file is larger than 2
    KiB, and the picture not grey (the authors look at ten pixels at random, this reader at every
    sixteenth). Pictures below 180 pixels both ways are tested on and not trained on. Whoever is not
    known to be a man counts as a woman. The 23 pictures that they sorted out by eye are not known.
    """

    name = "wiki-aginggan"
    title = "WIKI, the young and the old faces of AgingGAN"
    citation = (
        f"{WIKI.citation}; chosen as by Chen, Bu, Zhao: AgingGAN: Age Progression with CycleGAN, "
        "Stanford CS230, 2018"
    )
    layout = "wiki_crop/wiki.mat with its images in folders 00 to 99 beside it"
    official: ClassVar[Mapping[str, int]] = {}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "aginggan": Protocol(
            "aginggan", "5 % by a hash of the image to test on; small pictures only to test", _split
        )
    }
    default_protocol = "aginggan"
    alignment = Alignment()

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels from the .mat and looks at the pictures they leave.

        Raises:
            DataError: see `IMDBWIKI`.
        """
        table = super().read(root)
        assert root is not None
        paths = [root / table.images.name(i) for i in range(len(table))]
        with ThreadPoolExecutor() as pool:
            seen = list(pool.map(_look, paths))
        problems, out = [], np.zeros(len(table), bool)
        for kind, why, kept in _FOUND:
            these = np.array([kind == what for what in seen])
            problems += _told(table, these, why, kept=kept)
            out |= these & (not kept)
        unknown = table.gender < 0
        problems += _told(
            table, unknown & ~out, "not known to be a man: counts as a woman", kept=True
        )
        small = np.array([what == "small" for what in seen])
        table = replace(
            table,
            gender=np.where(unknown, 1, table.gender).astype(np.int8),
            group=(table.age >= 50).astype(np.int16),
            group_names=DOMAINS,
            split=np.where(small, _TEST, -1).astype(np.int8),
            problems=(*table.problems, *problems),
        )
        if out.all():
            raise DataError(f"{root}: no picture of {self.name} is left", "see `agekit data check`")
        return table.take(np.flatnonzero(~out))

    def _read_part(self, root: Path, folder: str, part: str) -> Part:
        return read_part(root, folder, part, self.source, _chosen)


_FOUND: Sequence[tuple[str, str, bool]] = (
    ("file", f"the file is not larger than {_BYTES:,} bytes", False),
    ("grey", "the picture is grey", False),
    ("small", f"below {_SIDE} pixels both ways: not trained on", True),
)
"""What `_look` finds, what is said of it, and whether such pictures are kept."""


def _chosen(mat: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64], Conditions]:
    age = years(numbers(mat["dob"]), numbers(mat["photo_taken"]))
    score = numbers(mat["face_score"])
    young, old = (age >= 20) & (age <= 29), (age >= 50) & (age <= 59)
    return age, (
        (young | old, "the age is neither 20 to 29 nor 50 to 59"),
        (score > -np.inf, "no face was found"),
        (~young | (score > 3), "the score of the young face is not above 3"),
        (~old | (score > 1), "the score of the old face is not above 1"),
    )


def _look(path: Path) -> str:
    """What there is about a picture: one of `_FOUND`, or "" for nothing or one that is damaged."""
    try:
        if path.stat().st_size <= _BYTES:
            return "file"
        pixels = decode(path, None)
    except (OSError, DataError):
        return ""
    some = pixels[::4, ::4].astype(np.int16)
    if (some.max(2) - some.min(2)).mean() < _COLOUR:
        return "grey"
    return "small" if max(pixels.shape[:2]) < _SIDE else ""


def _told(table: FaceTable, rows: NDArray[np.bool_], why: str, *, kept: bool) -> list[Problem]:
    """One problem for all rows of a kind."""
    found = np.flatnonzero(rows).tolist()
    if not found:
        return []
    more = f"; with {len(found) - 1:,} more" if kept else f"; left out with {len(found) - 1:,} more"
    return [Problem("filter", table.images.name(found[0]), why + more, kept=kept)]
