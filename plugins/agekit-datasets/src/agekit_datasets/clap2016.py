"""`clap2016`: ChaLearn Looking at People 2016, apparent ages with their spread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.plugin import SPLITS, WHOLE, Dataset, FaceTable, Protocol, Rows, by_column, parse_split
from agekit_datasets.apparent import SCORED, add_apparent, as_splits, read_apparent
from agekit_datasets.pictures import Pictures

__all__ = ["CLAP2016"]

_LABELS = re.compile(r"(train|valid|validation|val|test)(?:_?(?:20)?16)?_gt\.csv", re.IGNORECASE)


class CLAP2016(Dataset):
    """The second apparent-age challenge (CVPR 2016): whole photos.

    The age is the mean of the annotators', sigma their standard deviation.
    """

    name = "clap2016"
    title = "ChaLearn Looking at People 2016: apparent age V2"
    licence = "research use; copyright stays with the owners of the photos"
    source = "https://chalearnlap.cvc.uab.cat/dataset/19/description/"
    citation = (
        "Escalera et al.: ChaLearn Looking at People and Faces of the World: Face Analysis "
        "Workshop and Challenge 2016, CVPRW 2016"
    )
    layout = (
        "train_gt.csv, valid_gt.csv and test_gt.csv (image, mean, stdv) and the images in train/, "
        "valid/ and test/, or all in one folder"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 7591}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "official": Protocol(
            "official",
            "the challenge's split: 4,113 train, 1,500 val, 1,978 test; apparent age",
            by_column(),
            SCORED,
        ),
        "trainval-test": Protocol(
            "trainval-test",
            "trained on the challenge's train and val together, tested on its test; apparent age",
            as_splits({"train": "train", "val": "train", "test": "test"}),
            SCORED,
        ),
    }
    default_protocol = "official"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the label files, wherever below the root they lie.

        Raises:
            DataError: there is none, or no image of theirs.
        """
        assert root is not None
        rows = Rows(root)
        labels = [
            (path, match[1])
            for path in rows.files
            if (match := _LABELS.fullmatch(path.rpartition("/")[2]))
        ]
        if not labels:
            raise rows.expected(self.layout, self.source)
        for split in SPLITS:
            if not any(parse_split(word) == split for _, word in labels):
                rows.problem("missing", f"{split}_gt.csv", f"no such file: no {split} split")
        pictures = Pictures(rows.files)
        for path, split in labels:
            add_apparent(rows, pictures, read_apparent(rows, path), parse_split(split) or "")
        return rows.build()
