"""`chalearn15`: ChaLearn Looking at People 2015, the first apparent ages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.plugin import WHOLE, Dataset, FaceTable, Protocol, Rows, by_column
from agekit_datasets.apparent import SCORED, add_apparent, as_splits, read_apparent
from agekit_datasets.pictures import Pictures, folder_split

__all__ = ["ChaLearn15"]

_WORD = re.compile(r"(?<![a-z])(?:train|val|test)")


class ChaLearn15(Dataset):
    """The first apparent-age challenge (ICCV 2015): whole photos.

    The age is the mean of the annotators', sigma their standard deviation. What the label files
    are called differs from copy to copy: any csv named for train, validation or test is one, and
    ``Reference.csv`` holds the answers of the folder it lies in, else of those its images lie in.
    """

    name = "chalearn15"
    title = "ChaLearn Looking at People 2015: apparent age V1"
    licence = "research use; copyright stays with the owners of the photos"
    source = "https://chalearnlap.cvc.uab.cat/dataset/18/description/"
    citation = (
        "Escalera et al.: ChaLearn Looking at People 2015: Apparent Age and Cultural Event "
        "Recognition Datasets and Results, ICCVW 2015"
    )
    layout = (
        "Train/ and Validation/ (and Test/) with the images, and their labels (image, mean, "
        "standard deviation) in Train.csv and Validation.csv (and Test.csv), or train15_gt.csv..., "
        "or Reference.csv"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 4699}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "train-val": Protocol(
            "train-val",
            "trained on train, tested on validation, as most papers do; apparent age",
            as_splits({"train": "train", "val": "test"}),
            SCORED,
        ),
        "official": Protocol(
            "official",
            "the challenge's split: 2,476 train, 1,136 val, 1,087 test, for those who have the "
            "answers of its test; apparent age",
            by_column(),
            SCORED,
        ),
    }
    default_protocol = "train-val"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the label files, wherever below the root they lie.

        Raises:
            DataError: there is none with ages, or no image of theirs.
        """
        assert root is not None
        rows = Rows(root)
        found = {path: read_apparent(rows, path) for path in rows.files if _is_labels(path)}
        sheets = {path: sheet for path, sheet in found.items() if len(sheet)}
        if not sheets:
            raise rows.expected(self.layout, self.source)
        rows.notes += [f"{path}: names no ages, not used" for path in found if path not in sheets]
        splits = {path: _split(path) for path in sheets}
        answers = "test" if "val" in splits.values() else "val"
        pictures = Pictures(rows.files)
        for path, sheet in sheets.items():
            if not splits[path]:
                rows.notes.append(f"{path}: of no split, taken for {answers} where no folder says")
            add_apparent(rows, pictures, sheet, splits[path], other=answers)
        return rows.build()


def _is_labels(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith(".csv") and ("reference" in name or _WORD.search(name) is not None)


def _split(path: str) -> str:
    """The split a label file is of; "" where neither its name nor its folder says it."""
    word = _WORD.search(path.rpartition("/")[2].lower())
    return word[0] if word else folder_split(path)
