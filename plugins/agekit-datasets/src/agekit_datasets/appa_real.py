"""`appa-real`, `appa-real-age`: APPA-REAL, the same faces by apparent and by real age."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.plugin import (
    WHOLE,
    Dataset,
    FaceTable,
    Protocol,
    Rows,
    by_column,
    parse_gender,
    read_sheet,
)
from agekit_datasets.apparent import SCORED
from agekit_datasets.pictures import Pictures

__all__ = ["APPAREAL", "APPARealAge"]

_SPLITS = {"train": "train", "valid": "val", "test": "test"}


class APPAREAL(Dataset):
    """APPA-REAL by apparent age: the mean of some 38 guesses, sigma their standard deviation.

    Each photo ``X.jpg`` comes with ``X.jpg_face.jpg``, the face cropped with a margin of 40 % and
    turned upright: the crop is used, and the whole photo only where there is none, which is told.
    """

    name = "appa-real"
    title = "APPA-REAL, apparent age"
    licence = "research use; copyright stays with the owners of the photos"
    source = "https://chalearnlap.cvc.uab.cat/dataset/26/description/"
    citation = (
        "Agustsson et al.: Apparent and Real Age Estimation in Still Images with Deep Residual "
        "Regressors on APPA-REAL Database, FG 2017"
    )
    layout = (
        "gt_avg_train.csv, gt_avg_valid.csv and gt_avg_test.csv, and the images in train/, valid/ "
        "and test/: of X.jpg the crop X.jpg_face.jpg is used where it is there; gender and race "
        "from allcategories_train.csv... (a download of its own) where they are there"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 7591}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "apparent": Protocol(
            "apparent",
            "the authors' split: 4,113 train, 1,500 val, 1,978 test; errors are to the apparent "
            "age (for the real age: appa-real-age)",
            by_column(),
            SCORED,
        )
    }
    default_protocol = "apparent"
    alignment = WHOLE
    age_columns: ClassVar[tuple[str, str]] = ("apparent_age_avg", "apparent_age_std")
    """The columns of the age and of its standard deviation, "" for none."""

    def read(self, root: Path | None) -> FaceTable:
        """Reads the label files, in the root or in a folder below.

        Raises:
            DataError: there is none, one lacks a column, or no image of theirs is there.
        """
        assert root is not None
        rows = Rows(root)
        lists = {path.lower().rpartition("/")[2]: path for path in reversed(rows.files)}
        if not any(f"gt_avg_{word}.csv" in lists for word in _SPLITS):
            raise rows.expected(self.layout, self.source)
        pictures = Pictures(rows.files)
        crops = 0
        whole: list[str] = []
        for word, split in _SPLITS.items():
            if (path := lists.get(f"gt_avg_{word}.csv")) is None:
                rows.problem("missing", f"gt_avg_{word}.csv", f"no such file: no {split} split")
                continue
            traits = _traits(rows, lists.get(f"allcategories_{word}.csv"))
            sheet = read_sheet(rows.root / path)
            age, sigma = self.age_columns
            deviations = sheet.column(sigma) if sigma else [""] * len(sheet)
            columns = zip(sheet.column("file_name"), sheet.column(age), deviations, strict=True)
            for i, (name, years, deviation) in enumerate(columns):
                crop = pictures.of_split(f"{name}_face.jpg", split)
                photo = None if crop else pictures.of_split(name, split)
                crops += crop is not None
                if photo:
                    whole.append(photo)
                gender, race = traits.get(name.lower(), (-1, ""))
                rows.add(
                    crop or photo or name,
                    sheet.number(years),
                    sigma=sheet.number(deviation),
                    gender=gender,
                    group=race,
                    split=split,
                    where=sheet.where(i),
                )
        for path in whole if crops else whole[:1]:
            these = "this photo" if crops else "any photo"
            rows.problem(
                "crop", path, f"no crop of {these} (X.jpg_face.jpg): used as a whole", kept=True
            )
        return rows.build()


class APPARealAge(APPAREAL):
    """APPA-REAL by real age; its labels have no spread."""

    name = "appa-real-age"
    title = "APPA-REAL, real age"
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "real": Protocol(
            "real",
            "the authors' split: 4,113 train, 1,500 val, 1,978 test; errors are to the real age "
            "(for the apparent age: appa-real)",
            by_column(),
        )
    }
    default_protocol = "real"
    age_columns = ("real_age", "")


def _traits(rows: Rows, path: str | None) -> dict[str, tuple[int, str]]:
    """Gender and race by image, from a label file of the second release (Clapés et al., 2018)."""
    if path is None:
        return {}
    sheet = read_sheet(rows.root / path)
    columns = zip(
        sheet.column("file", "file_name"),
        sheet.column("gender", default=""),
        sheet.column("race", "ethnicity", default=""),
        strict=True,
    )
    traits: dict[str, tuple[int, str]] = {}
    for i, (name, text, race) in enumerate(columns):
        gender = parse_gender(text)
        if gender is None:
            rows.problem("gender", name, f"{sheet.where(i)}: {text!r} taken as unknown", kept=True)
        traits[name.lower()] = (-1 if gender is None else gender, race.lower())
    return traits
