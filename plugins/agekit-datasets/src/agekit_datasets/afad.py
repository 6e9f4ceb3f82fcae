"""`afad`: the Asian Face Age Dataset, selfies of ages 15 to 72 in a folder for each age."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from agekit.plugin import Dataset, FaceTable, Protocol, Rows, by_content, by_identity
from agekit_datasets.names import add_named

__all__ = ["AFAD"]

_GENDER = {"111": 0, "112": 1}
_NAME = re.compile(
    r"(?<![^/])(?P<age>\d{1,3})/(?P<gender>111|112)/(?P<person>[^/]+)-\d+\.\w+$", re.IGNORECASE
)


class AFAD(Dataset):
    """AFAD: 164,432 faces from a social network; AFAD-Lite is 59,344 of them, ages 18 to 39.

    A person is known by the number that the file's name begins with. Where AFAD-Full and
    AFAD-Lite lie in one folder, the images of the second are told as duplicates.
    """

    name = "afad"
    title = "Asian Face Age Dataset (AFAD-Full, AFAD-Lite)"
    licence = "academic research only; copyright stays with the owners of the photos"
    source = "https://afad-dataset.github.io/"
    citation = (
        "Niu, Zhou, Wang, Gao, Hua: Ordinal Regression with Multiple Output CNN for Age "
        "Estimation, CVPR 2016"
    )
    layout = (
        "AFAD-Full/{age}/{111 for male, 112 for female}/{person}-{number}.jpg, or the same "
        "in AFAD-Lite"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 164432}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "identity-80-10-10": Protocol(
            "identity-80-10-10",
            "80/10/10 of the people by a hash of the person's number",
            by_identity(0.8, 0.1, "afad"),
            ("mae", "cs5"),
            subject_exclusive=True,
        ),
        "random-80-20": Protocol(
            "random-80-20",
            "80 % train, 20 % test by a hash of the image's bytes, the kind of split that ordinal "
            "regression reports; leaks: a person may be in both",
            by_content(0.8, 0.0, "afad"),
            ("mae", "cs5"),
        ),
    }
    default_protocol = "identity-80-10-10"

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels from the folders and the file names below `root`.

        Raises:
            DataError: nothing lies as AFAD's images do.
        """
        assert root is not None
        rows = Rows(root)
        add_named(rows, _NAME, _labels)
        if not len(rows):
            raise rows.expected(self.layout, self.source)
        return rows.build()


def _labels(match: re.Match[str]) -> dict[str, Any]:
    return {
        "age": int(match["age"]),
        "identity": match["person"],
        "gender": _GENDER[match["gender"]],
    }
