"""`agedb`: AgeDB, celebrities of all ages, named and labelled by hand."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import (
    SPLITS,
    WHOLE,
    Dataset,
    FaceTable,
    Protocol,
    Rows,
    by_identity,
    parse_gender,
)
from agekit_datasets.names import add_named

__all__ = ["AgeDB"]

_NAME = re.compile(
    r"(?<![^/])\d+_(?P<name>[^/]+)_(?P<age>\d{1,3})_(?P<gender>[mf])\.\w+$", re.IGNORECASE
)


def _all_as_test(table: FaceTable) -> NDArray[np.int8]:
    return np.full(len(table), SPLITS.index("test"), np.int8)


class AgeDB(Dataset):
    """AgeDB: 16,488 photos of celebrities, aged 1 to 101; a person 29 times on average.

    The paper counts 568 people; the files carry 567 names.
    """

    name = "agedb"
    title = "AgeDB"
    licence = "non-commercial research only, on request; copyright stays with the photos' owners"
    source = "https://ibug.doc.ic.ac.uk/resources/agedb/"
    citation = (
        "Moschoglou, Papaioannou, Sagonas, Deng, Kotsia, Zafeiriou: AgeDB: the first manually "
        "collected, in-the-wild age database, CVPR Workshops 2017"
    )
    layout = "AgeDB/{number}_{Name}_{age}_{m or f}.jpg, such as AgeDB/0_MariaCallas_35_f.jpg"
    official: ClassVar[Mapping[str, int]] = {"images": 16488, "people": 568}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "identity-80-10-10": Protocol(
            "identity-80-10-10",
            "80/10/10 of the people by a hash of the name",
            by_identity(0.8, 0.1, "agedb"),
            subject_exclusive=True,
        ),
        "test": Protocol(
            "test",
            "all images test: for models that were trained on other datasets",
            _all_as_test,
            subject_exclusive=True,
        ),
    }
    default_protocol = "identity-80-10-10"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels from the file names below `root`.

        Raises:
            DataError: no file is named as AgeDB's are.
        """
        assert root is not None
        rows = Rows(root)
        add_named(rows, _NAME, _labels)
        if not len(rows):
            raise rows.expected(self.layout, self.source)
        return rows.build()


def _labels(match: re.Match[str]) -> dict[str, Any]:
    gender = parse_gender(match["gender"])
    assert gender is not None
    return {"age": int(match["age"]), "identity": _spelled(match["name"]), "gender": gender}


def _spelled(name: str) -> str:
    """The name as it is on every file system: composed (NFC), and Latin-1 where not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("latin-1")
    return unicodedata.normalize("NFC", name)
