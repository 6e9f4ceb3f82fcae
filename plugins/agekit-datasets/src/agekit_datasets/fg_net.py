"""`fg-net`: FG-NET, 82 people from the cradle to the age of 69."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import SPLITS, WHOLE, Dataset, FaceTable, Protocol, Rows, by_identity
from agekit_datasets.names import add_named

__all__ = ["FGNet"]

_PEOPLE = 82
_NAME = re.compile(r"(?<![^/])(?P<person>\d{3})A(?P<age>\d{2})[a-z]?\.\w+$", re.IGNORECASE)


def _leave_out(person: int) -> Protocol:
    def assign(table: FaceTable) -> NDArray[np.int8]:
        left_out = table.identity == person
        return np.where(left_out, SPLITS.index("test"), SPLITS.index("train")).astype(np.int8)

    name = f"person-{person:03d}"
    text = f"test on person {person:03d}, train on the others; the mean over all 82 is reported"
    return Protocol(name, text, assign, ("mae", "cs5"), subject_exclusive=True)


_SPLIT = Protocol(
    "identity-80-20",
    "80 % of the people train, 20 % test, by a hash of the person: one training in place of 82",
    by_identity(0.8, 0.0, "fg-net"),
    ("mae", "cs5"),
    subject_exclusive=True,
)


class FGNet(Dataset):
    """FG-NET: 1,002 photos of 82 people, scanned from their albums; a person 6 to 18 times.

    A letter after the age tells apart the photos of one person at one age. The field leaves one
    person out at a time: 82 trainings, one for each protocol ``person-001`` to ``person-082``.
    """

    name = "fg-net"
    title = "FG-NET aging database"
    licence = "research only; copyright stays with the owners of the photos"
    source = "https://yanweifu.github.io/FG_NET_data/"
    citation = (
        "Panis, Lanitis, Tsapatsoulis, Cootes: Overview of research on facial ageing using the "
        "FG-NET ageing database, IET Biometrics 2016"
    )
    layout = "images/{person}A{age}{letter or nothing}.JPG, such as images/001A02.JPG"
    official: ClassVar[Mapping[str, int]] = {"images": 1002, "people": _PEOPLE}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        rule.name: rule for rule in (_SPLIT, *map(_leave_out, range(1, _PEOPLE + 1)))
    }
    default_protocol = "identity-80-20"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels from the file names below `root`.

        Raises:
            DataError: no file is named as FG-NET's are.
        """
        assert root is not None
        rows = Rows(root)
        add_named(rows, _NAME, _labels)
        if not len(rows):
            raise rows.expected(self.layout, self.source)
        return rows.build()


def _labels(match: re.Match[str]) -> dict[str, Any]:
    return {"age": int(match["age"]), "identity": int(match["person"])}
