"""`all-age-faces`: All-Age-Faces, whole heads of mostly Asian people of ages 2 to 80."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import WHOLE, Dataset, FaceTable, Protocol, Rows, by_column, read_lines
from agekit_datasets.near_duplicates import by_listed_group

__all__ = ["AllAgeFaces"]

_NAME = re.compile(r"(?P<number>\d{5})A(?P<age>\d{2})\.jpg", re.IGNORECASE)
_LAST_FEMALE = 7380
_IMAGES = "original images"
_POINTS = "key points"
_EYES, _TIP, _CORNERS = ((19, 25), (25, 31)), 13, (31, 37)
"""The rows of a file of key points, from 0: of each eye, of the tip of the nose, of the mouth."""
_LISTS = {"train": "train", "val": "test"}
"""The authors have two lists; their ``val.txt`` is what others report on, so it is the test."""


class AllAgeFaces(Dataset):
    """All-Age-Faces: 13,322 photos of a head each, about 300x340, ages and genders in the names.

    A name is ``{number}A{age}.jpg``; up to number 07380 they are women and girls. The aligned
    faces of the release (``aglined faces/``, so spelt) are cropped to the face by a method the
    release says nothing of; the photos are read, and of each the points of the face from the
    release's key points, by which it is cut out. The official lists leave 446 pairs of nearly
    identical photos in different splits, under ages that differ by 5 years on average, so that
    the default protocol keeps them together.
    """

    name = "all-age-faces"
    title = "All-Age-Faces"
    licence = "no licence file; research only, as its authors ask"
    source = "https://github.com/JingchunCheng/All-Age-Faces-Dataset"
    citation = (
        "Cheng, Li, Wang, Yu, Wang: Exploiting effective facial patches for robust gender "
        "recognition, Tsinghua Science and Technology 2019"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 13322}
    layout = (
        "original images/ with files {number}A{age}.jpg, and image sets/ with train.txt and "
        "val.txt, in a folder All-Age-Faces Dataset/ or without it; key points/ with a txt of each "
        "photo, without which faces have to be found"
    )
    alignment = WHOLE
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "grouped-80-10-10": Protocol(
            "grouped-80-10-10",
            "80/10/10 by a hash; identical and nearly identical photos are in one split",
            by_listed_group("all-age-faces", 0.8, 0.1),
        ),
        "official": Protocol(
            "official",
            "the authors' two lists, 6,637 and 6,685: train.txt to train, val.txt to test",
            by_column(),
        ),
    }
    default_protocol = "grouped-80-10-10"

    def read(self, root: Path | None) -> FaceTable:
        """Reads ages and genders from the photos' names, the official split from the lists.

        A list that is missing, a photo that a list names and that is not there, and one without
        usable key points where others have them, are told.

        Raises:
            DataError: no photo is named as the release's are.
        """
        assert root is not None
        rows = Rows(root)
        split = _lists(rows)
        there: set[str] = set()
        for path in rows.files:
            folder, _, file = path.rpartition("/")
            if folder.rpartition("/")[2].lower() != _IMAGES:
                continue
            match = _NAME.fullmatch(file)
            if match is None:
                rows.problem("name", path, "not named as the photos of All-Age-Faces are")
                continue
            there.add(file.lower())
            rows.add(
                path,
                int(match["age"]),
                gender=int(int(match["number"]) <= _LAST_FEMALE),
                split=split.get(file.lower(), ""),
            )
        if not there:
            raise rows.expected(self.layout, self.source)
        for name in sorted(split.keys() - there):
            rows.problem("missing", name, f"in the list of the {split[name]} split, not on disk")
        points = _points(rows, [path.rpartition("/")[2] for path in rows.named()])
        table = rows.build()
        if points:
            unknown = np.full((5, 2), np.nan, np.float32)
            named = (table.images.name(i).rpartition("/")[2] for i in range(len(table)))
            table = replace(table, points=np.stack([points.get(n, unknown) for n in named]))
        return table


def _points(rows: Rows, photos: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Photo → its eyes, nose and corners of the mouth, (5, 2) pixels; what has none is told."""
    places = {
        path.rpartition("/")[2].lower(): path
        for path in rows.files
        if path.lower().endswith(".txt") and f"/{path}".lower().rsplit("/", 2)[1] == _POINTS
    }
    if not places:
        return {}
    found: dict[str, NDArray[np.float32]] = {}
    for photo in photos:
        path = places.get(f"{photo.lower().removesuffix('.jpg')}.txt")
        if path is None:
            rows.problem("points", photo, "has no key points", kept=True)
            continue
        try:
            found[photo] = _five((rows.root / path).read_bytes())
        except (ValueError, OSError) as error:
            rows.problem("points", path, f"unusable key points: {error}", kept=True)
    return found


def _five(text: bytes) -> NDArray[np.float32]:
    """The five points of a file of key points, (5, 2).

    Raises:
        ValueError: they are not there.
    """
    numbers = np.array([float(number) for number in text.split()], np.float32)
    if len(numbers) not in (2 * 49, 2 * 50) or not np.isfinite(numbers).all():
        raise ValueError(f"{len(numbers)} numbers, not x and y of 49 or 50 points")
    every = numbers.reshape(-1, 2)
    eyes = (every[first:end].mean(0) for first, end in _EYES)
    return np.stack([*eyes, every[_TIP], *(every[row] for row in _CORNERS)])


def _lists(rows: Rows) -> dict[str, str]:
    """File name in lower case → official split; lists that are not there are told."""
    split: dict[str, str] = {}
    for name, part in _LISTS.items():
        end = f"/image sets/{name}.txt"
        places = [path for path in rows.files if f"/{path}".lower().endswith(end)]
        if not places:
            rows.problem(
                "missing", f"image sets/{name}.txt", f"no official {part} split", kept=True
            )
            continue
        for line in read_lines(rows.root / min(places, key=len)):
            if line.strip():
                split[line.split()[0].lower()] = part
    return split
