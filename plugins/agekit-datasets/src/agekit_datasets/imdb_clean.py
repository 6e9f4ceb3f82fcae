"""`imdb-clean`: the IMDb part of IMDB-WIKI with its labels cleaned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.plugin import WHOLE, Dataset, FaceTable, Protocol, Rows, by_column, read_sheet
from agekit_datasets.folders import image_folder

__all__ = ["IMDBClean"]

_SPLITS = {"train": "train", "valid": "val", "test": "test"}
_FOLDERS = (
    "",
    "imdb-clean-1024/",
    "imdb-clean-1024/imdb-clean-1024/",
    "data/imdb-clean-1024/",
    "images/",
    "imdb/",
    "data/imdb/",
)
_PATH = ("filename", "img", "img_name", "img_path")
_PERSON = re.compile(r"nm\d+")


class IMDBClean(Dataset):
    """IMDB-Clean: faces of IMDB-WIKI's IMDb part, kept where the face is the named person's.

    The csv also give a box for the face, which is not applied here: images are taken whole, and
    ``agekit data prepare`` finds the faces anew. Where the authors' crops of 1,024 pixels and the
    whole photos are both there, the crops are taken.

    The official split keeps the people of the test apart, but not those of train and val.
    """

    name = "imdb-clean"
    title = "IMDB-Clean"
    licence = "labels MIT; images for academic research only, copyright stays with their owners"
    source = "https://github.com/yiminglin-ai/imdb-clean"
    citation = (
        "Lin, Shen, Wang, Pantic: FP-Age: Leveraging Face Parsing Attention for Facial Age "
        "Estimation in the Wild, IEEE Transactions on Image Processing 2022"
    )
    layout = (
        "imdb_train_new.csv, imdb_valid_new.csv and imdb_test_new.csv (or ..._new_1024.csv) in the "
        "root or a folder of it, and their images {00-99}/nm..._rm....jpg below the root, "
        "imdb-clean-1024/, data/imdb-clean-1024/, images/, imdb/ or data/imdb/"
    )
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "official": Protocol(
            "official",
            "the authors' train, valid and test; train and valid share people, test shares none",
            by_column(),
        )
    }
    default_protocol = "official"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the three csv; one that is missing is told.

        Raises:
            DataError: all are missing, one is unreadable, or no row is usable.
        """
        assert root is not None
        rows = Rows(root)
        lists = {split: path for split in _SPLITS if (path := _list_of(rows, split))}
        if not lists:
            raise rows.expected(self.layout, self.source)
        for split in _SPLITS:
            if split in lists:
                _add(rows, lists[split], _SPLITS[split])
            else:
                rows.problem("missing", f"imdb_{split}_new.csv", "no such file")
        return rows.build()


def _list_of(rows: Rows, split: str) -> str | None:
    """The csv of a split, in whatever folder."""
    names = (f"imdb_{split}_new.csv", f"imdb_{split}_new_1024.csv")
    return next((path for path in rows.files if path.rpartition("/")[2].lower() in names), None)


def _add(rows: Rows, labels: str, split: str) -> None:
    """Adds the rows of one csv; rows of faces nobody labelled, as MiVOLO adds them, are told."""
    sheet = read_sheet(rows.root / labels)
    names = sheet.column(*_PATH)
    folder = image_folder(rows, labels, names, _FOLDERS)
    columns = zip(names, sheet.column("age"), sheet.column("gender", default=""), strict=True)
    unlabelled = 0
    for i, (name, age, gender) in enumerate(columns):
        years = sheet.number(age)
        if years is not None and years < 0:
            unlabelled += 1
            continue
        person = _PERSON.search(name)
        rows.add(
            folder + name if rows.find(folder + name) else name,
            years,
            identity=person[0] if person else "",
            gender=gender,
            split=split,
            where=sheet.where(i),
        )
    if unlabelled:
        rows.problem("unlabelled", labels, f"{unlabelled:,} rows are of faces without an age")
