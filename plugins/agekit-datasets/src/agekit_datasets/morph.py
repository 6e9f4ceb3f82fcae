"""`morph`: MORPH Album 2, mugshots of ages 16 to 77, several of each person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.errors import DataError
from agekit.plugin import (
    WHOLE,
    Dataset,
    FaceTable,
    Protocol,
    Rows,
    Sheet,
    by_identity,
    by_name,
    is_image,
    read_sheet,
)
from agekit_datasets.pictures import Pictures

__all__ = ["MORPH", "RACES"]

RACES: Mapping[str, str] = {
    "W": "White",
    "B": "Black",
    "A": "Asian",
    "H": "Hispanic",
    "I": "Indian",
    "O": "Other",
}
"""The letters of the column ``race`` and what they stand for."""

_OFFICIAL = "morph_2008_noncommercial.csv"
_NAME = re.compile(r"(?P<id>\d{1,7})_(?P<picture>\d{1,2})(?P<gender>[MF])(?P<age>\d{2})", re.I)
_RACE = {key.lower(): name for k, name in RACES.items() for key in (k, name)}


class MORPH(Dataset):
    """MORPH Album 2 (MORPH-II), the 2008 non-commercial release.

    The labels come from the csv; without one, from the file names, which lack the race. An age
    that differs between the two is told, and that of the csv counts. Images may lie where the csv
    says, or anywhere below the root under the same name, with any ending.
    """

    name = "morph"
    title = "MORPH Album 2 (MORPH-II), 2008 non-commercial release"
    licence = "academic use under a signed agreement, for a fee; no redistribution"
    source = "https://ebill.uncw.edu/C20231_ustores/web/classic/product_detail.jsp?PRODUCTID=8"
    citation = (
        "Ricanek, Tesafaye: MORPH: A Longitudinal Image Database of Normal Adult Age-Progression, "
        "FG 2006"
    )
    layout = (
        "morph_2008_nonCommercial.csv (or another csv with the columns photo and age) and the "
        "photos it names, or photos {id}_{picture}{M|F}{age}.JPG alone, in any folders"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 55134, "people": 13617}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "random-80-20": Protocol(
            "random-80-20",
            "80 % train, 20 % test by a hash of the file name, the usual kind of split; leaks "
            "subjects: many people are in both",
            by_name(0.8, 0.0, "morph"),
        ),
        "subject-80-20": Protocol(
            "subject-80-20",
            "80 % of the people train, 20 % test, by a hash of the identity",
            by_identity(0.8, 0.0, "morph"),
            subject_exclusive=True,
        ),
    }
    default_protocol = "random-80-20"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the csv, or the file names.

        Raises:
            DataError: neither says the ages of any photo, or several csv files do.
        """
        assert root is not None
        rows = Rows(root)
        sheet = _find_sheet(rows)
        if sheet is None:
            _add_names(rows)
            if not len(rows):
                raise rows.expected(self.layout, self.source)
        else:
            _add_sheet(rows, sheet)
        return rows.build(tuple(RACES.values()))


def _find_sheet(rows: Rows) -> Sheet | None:
    """The csv of the labels: the official one, else the only one that has its columns."""
    tables = [path for path in rows.files if path.lower().endswith(".csv")]
    official = [path for path in tables if path.lower().rpartition("/")[2] == _OFFICIAL]
    sheets = [read_sheet(rows.root / path) for path in official or tables]
    sheets = [sheet for sheet in sheets if sheet.has("photo") and sheet.has("age")]
    if len(sheets) > 1:
        found = ", ".join(sheet.path.relative_to(rows.root).as_posix() for sheet in sheets)
        raise DataError(
            f"{rows.root}: expected one csv with the columns photo and age; found: {found}",
            "leave one of them there",
        )
    return sheets[0] if sheets else None


def _add_sheet(rows: Rows, sheet: Sheet) -> None:
    pictures = Pictures(rows.files)
    folder = sheet.path.relative_to(rows.root).parent.as_posix()
    start = "" if folder == "." else f"{folder}/"
    names = ("photo", "age", "id_num", "gender", "race")
    columns = [sheet.column(n, default=None if n in ("photo", "age") else "") for n in names]
    doubtful: list[str] = []
    for i, (photo, age, person, gender, race) in enumerate(zip(*columns, strict=True)):
        where = sheet.where(i)
        file = rows.find(start + photo.replace("\\", "/"))
        if file is None:
            places = pictures.named(photo)
            if len(places) > 1:
                shown = ", ".join(places[:3])
                doubtful += places
                rows.problem("missing", photo, f"{where}: not there, but of that name: {shown}")
                continue
            file = places[0] if places else photo
        label = _NAME.fullmatch(Path(file).stem)
        years, group = sheet.number(age), _RACE.get(race.lower(), "")
        added = rows.add(
            file,
            years,
            identity=_identity(person or (label["id"] if label else "")),
            gender=gender,
            group=group,
            where=where,
        )
        if not added:
            continue
        if label and years == years and int(label["age"]) != years:
            told = f"{where}: age {age}, but {label['age']} in the name; the csv counts"
            rows.problem("label", file, told, kept=True)
        if race and not group:
            rows.problem("group", file, f"{where}: race {race!r} taken as unknown", kept=True)
    rows.unlisted(sheet.path.name, doubtful)


def _add_names(rows: Rows) -> None:
    seen: dict[str, str] = {}
    for path in rows.files:
        stem = Path(path).stem.lower()
        label = _NAME.fullmatch(stem)
        if not is_image(path) or label is None:
            rows.problem("name", path, "not named as MORPH's photos are")
        elif stem in seen:
            rows.problem("duplicate", path, f"the same as {seen[stem]}")
        else:
            seen[stem] = path
            gender = 0 if label["gender"].lower() == "m" else 1
            rows.add(path, int(label["age"]), identity=int(label["id"]), gender=gender)


def _identity(text: str) -> str | int:
    return int(text) if text.isdecimal() else text
