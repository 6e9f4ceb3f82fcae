"""`cacd`: the Cross-Age Celebrity Dataset, 2,000 people over ten years."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import Dataset, FaceTable, Protocol, Rows, by_column, by_identity, is_image
from agekit_datasets.matlab import numbers, read_struct, texts

__all__ = ["CACD"]

_META = "celebrity2000_meta.mat"
_SOURCE = "https://bcsiriuschen.github.io/CARC/"
_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<person>.+)_\d+\.jpe?g")
_WRONG_TABLES = ("latin-1", "cp1252", "cp437", "gbk")


def _by_rank(table: FaceTable) -> NDArray[np.int8]:
    if not (table.split >= 0).any():
        raise DataError(
            f"cacd: the official split needs {_META}, which was not found or lists other images",
            f"put it beside CACD2000 (from {_SOURCE}), or use --protocol identity-80-10-10",
        )
    return by_column()(table)


class CACD(Dataset):
    """CACD: 163,446 photos of 2,000 celebrities from 2004 to 2013, found on the web.

    The official split goes by the people's rank among those born in the same year, which only
    `celebrity2000_meta.mat` knows. The rest is in the files' names, so that without it the
    protocol ``identity-80-10-10`` serves, and splits no differently.

    Archives with letters beyond ASCII are unpacked in many spellings: names are compared without
    accents, and as they were before they were decoded by a wrong table.
    """

    name = "cacd"
    title = "CACD2000 (Cross-Age Celebrity Dataset)"
    licence = "academic research only; copyright stays with the owners of the photos"
    source = _SOURCE
    citation = (
        "Chen, Chen, Hsu: Cross-Age Reference Coding for Age-Invariant Face Recognition and "
        "Retrieval, ECCV 2014"
    )
    layout = f"CACD2000/{{age}}_{{First_Last}}_{{nnnn}}.jpg, and {_META} beside CACD2000"
    official: ClassVar[Mapping[str, int]] = {"images": 163446, "people": 2000}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "official": Protocol(
            "official",
            "by the people's rank: 1 and 2 to validate, 3 to 5 to test, the others to train",
            _by_rank,
            subject_exclusive=True,
        ),
        "identity-80-10-10": Protocol(
            "identity-80-10-10",
            "80/10/10 by a hash of the person's name; needs no .mat",
            by_identity(0.8, 0.1, "cacd"),
            subject_exclusive=True,
        ),
    }
    default_protocol = "official"

    def read(self, root: Path | None) -> FaceTable:
        """Reads ages and people from the files' names, and the split from the .mat if it is there.

        Raises:
            DataError: no image is named as CACD's are, or the .mat is unreadable.
        """
        assert root is not None
        rows = Rows(root)
        photos: dict[str, tuple[str, re.Match[str]]] = {}
        for path in filter(is_image, rows.files):
            key = _spelled(path.rpartition("/")[2])
            if (match := _NAME.fullmatch(key)) is None:
                rows.problem("name", path, "not named as CACD's images are")
            elif key in photos:
                rows.problem("duplicate", path, f"the same as {photos[key][0]}")
            else:
                photos[key] = path, match
        if not photos:
            raise rows.expected(self.layout, self.source)
        meta = _find_meta(rows)
        if meta is None:
            rows.problem(
                "split", _META, "no such file: the images have no official split", kept=True
            )
        listed = _splits(meta) if meta else {}
        for key, (path, match) in photos.items():
            _, split = listed.pop(key, ("", ""))
            rows.add(path, float(match["age"]), identity=match["person"], split=split)
            if meta and not split:
                rows.problem("split", path, f"no rank in {_META}: no official split", kept=True)
        for name, _ in listed.values():
            rows.problem("missing", name, f"listed in {_META}: no such file")
        return rows.build()


def _find_meta(rows: Rows) -> Path | None:
    """The .mat anywhere below the root, or beside it."""
    below = [rows.root / path for path in rows.files if path.rpartition("/")[2] == _META]
    beside = rows.root.absolute().parent / _META
    return next((path for path in [*below, beside] if path.is_file()), None)


def _splits(meta: Path) -> dict[str, tuple[str, str]]:
    """From each image's name as `_spelled` to the name as it is listed and its split."""
    struct = read_struct(meta, "celebrityImageData", ("name", "rank"), _SOURCE)
    names, rank = texts(struct["name"]), numbers(struct["rank"])
    which = np.where(np.isnan(rank), 3, np.digitize(rank, [2.5, 5.5]))
    splits = [("val", "test", "train", "")[k] for k in which]
    return {_spelled(name): (name, split) for name, split in zip(names, splits, strict=True)}


def _spelled(name: str) -> str:
    """A name in small letters without accents, as it was before a wrong decoding."""
    if name.isascii():
        return name.lower()
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("latin-1")
    for table in _WRONG_TABLES:
        try:
            name = name.encode(table).decode()
            break
        except UnicodeError:
            continue
    plain = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()
