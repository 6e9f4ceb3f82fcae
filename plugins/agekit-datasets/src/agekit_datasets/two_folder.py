"""`two-folder`: young faces and old ones, as those who train a CycleGAN have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

from agekit.plugin import (
    Dataset,
    FaceTable,
    Protocol,
    Rows,
    Sheet,
    by_column,
    is_image,
    parse_gender,
    parse_split,
    read_sheet,
)

__all__ = ["DOMAINS", "TwoFolder"]

DOMAINS = ("A", "B")
"""The groups of the table: young and old."""

_FOLDER = re.compile(r"(?P<split>train|val|test)_?(?P<domain>[AB])", re.IGNORECASE)
_DOMAIN = {"a": "A", "young": "A", "b": "B", "old": "B"}
_GENDER = {"man": "m", "men": "m", "woman": "f", "women": "f"}
_LABELS = "labels.csv"


class TwoFolder(Dataset):
    """Two sets of faces, young (A) and old (B), each with images to train on and to test on.

    The group of a row is its domain, ``A`` or ``B``. Without labels all of A are taken to be of
    `young_age` and all of B of `old_age`, the middle of 20 to 29 and of 50 to 59: nominal ages,
    that say which of the two a face is and no more. ``labels.csv`` gives real ones, and may say
    split, domain (``young``, ``old``, ``A``, ``B``) and gender too; then the images that it does
    not name are left out. What it does not say, the folder does.
    """

    name = "two-folder"
    title = "Two folders of faces, young and old"
    licence = "yours"
    source = "your disk"
    citation = (
        "the layout is that of Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation using "
        "Cycle-Consistent Adversarial Networks, ICCV 2017"
    )
    layout = (
        "trainA/ and testA/ with young faces, trainB/ and testB/ with old ones (valA/, valB/ too); "
        "optional: labels.csv with file, and any of age, split, domain, gender"
    )
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "as-it-lies": Protocol("as-it-lies", "as the folders or labels.csv say", by_column())
    }
    default_protocol = "as-it-lies"
    young_age: ClassVar[float] = 25.0
    old_age: ClassVar[float] = 55.0

    def read(self, root: Path | None) -> FaceTable:
        """Reads the four folders, in `root` or below it, and ``labels.csv`` beside them.

        Raises:
            DataError: there are no such folders and no ``labels.csv``, or that cannot be used.
        """
        assert root is not None
        rows = Rows(root)
        tables = [path for path in rows.files if PurePosixPath(path).name.lower() == _LABELS]
        if tables:
            self._add_sheet(rows, min(tables, key=len))
        else:
            self._add_folders(rows)
            if not len(rows):
                raise rows.expected(self.layout)
        return rows.build(DOMAINS)

    def _nominal(self, domain: str) -> float:
        return {"A": self.young_age, "B": self.old_age}.get(domain, float("nan"))

    def _add_folders(self, rows: Rows) -> None:
        for path in rows.files:
            split, domain = _place(path)
            if domain and is_image(path):
                rows.add(path, self._nominal(domain), split=split, group=domain)
            elif domain:
                rows.problem("name", path, "not an image")

    def _add_sheet(self, rows: Rows, table: str) -> None:
        sheet = read_sheet(rows.root / table)
        folder = PurePosixPath(table).parent
        files = sheet.column("file", "path", "image", "filename")
        columns = [sheet.column(name, default="") for name in ("split", "domain", "gender")]
        ages = sheet.column("age") if sheet.has("age") else None
        named = set()
        for i, (file, *cells) in enumerate(zip(files, *columns, strict=True)):
            path = str(folder / file.replace("\\", "/")) if file else ""
            named.add(rows.find(path))
            split, domain, gender = _cells(rows, sheet, i, path, cells)
            age = self._nominal(domain) if ages is None else sheet.number(ages[i])
            rows.add(path, age, split=split, group=domain, gender=gender, where=sheet.where(i))
        for path in rows.files:
            if is_image(path) and _place(path)[1] and path not in named:
                rows.problem("unlisted", path, f"{table} does not name it: left out")


def _place(path: str) -> tuple[str, str]:
    """The split and the domain that a path's folders say, "" for none."""
    for folder in path.split("/")[:-1]:
        if match := _FOLDER.fullmatch(folder):
            return match["split"].lower(), match["domain"].upper()
    return "", ""


def _cells(rows: Rows, sheet: Sheet, i: int, path: str, cells: list[str]) -> tuple[str, str, int]:
    """Split, domain and gender of a line; unreadable ones are told."""
    texts = dict(zip(("split", "domain", "gender"), cells, strict=True))
    split, domain = parse_split(texts["split"]), _DOMAIN.get(texts["domain"].lower())
    gender = parse_gender(_GENDER.get(texts["gender"].lower(), texts["gender"]))
    for name, value in (("split", split), ("domain", domain), ("gender", gender)):
        if value is None and texts[name]:
            rows.problem(
                name, path, f"{sheet.where(i)}: {texts[name]!r} is not understood", kept=True
            )
    by_split, by_domain = _place(path)
    return split or by_split, domain or by_domain, -1 if gender is None else gender
