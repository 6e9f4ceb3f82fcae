"""`megaage-asian`: MegaAge-Asian, faces of Asian people of ages 0 to 70."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.errors import DataError
from agekit.plugin import Dataset, FaceTable, Protocol, Rows, by_column, read_lines

__all__ = ["MegaAgeAsian"]

_LIST = "list/train_name.txt"


class MegaAgeAsian(Dataset):
    """MegaAge-Asian: 40,000 images, of which 3,945 are the test.

    Lists of names and of ages go line by line. An age of -1 means that there is none: such rows
    are left out and told. The same file name is in both folders, for different faces.
    """

    name = "megaage-asian"
    title = "MegaAge-Asian"
    licence = "non-commercial research only; no redistribution"
    source = "http://mmlab.ie.cuhk.edu.hk/projects/MegaAge/"
    citation = (
        "Zhang, Liu, Li, Loy: Quantifying Facial Age by Posterior of Age Comparisons, BMVC 2017"
    )
    layout = (
        "train/ and test/ with the images, list/ with train_name.txt, train_age.txt, "
        "test_name.txt and test_age.txt"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 40000}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "official": Protocol(
            "official",
            "the authors' split, 3,945 images for the test; CA(n) is the share of errors below n",
            by_column(),
            ("ca3", "ca5", "ca7", "mae"),
        )
    }
    default_protocol = "official"

    def read(self, root: Path | None) -> FaceTable:
        """Reads the lists, in the root or in a folder below.

        Raises:
            DataError: a list is missing, or two that belong together differ in length.
        """
        assert root is not None
        rows = Rows(root)
        lists = [path for path in rows.files if f"/{path}".lower().endswith(f"/{_LIST}")]
        if not lists:
            raise rows.expected(self.layout, self.source)
        start = min(lists, key=len)[: -len(_LIST)]
        for split in ("train", "test"):
            names, ages = (
                _lines(rows, f"{start}list/{split}_{what}.txt") for what in ("name", "age")
            )
            if len(names) != len(ages):
                raise DataError(
                    f"{root / start / 'list'}: {split}_name.txt has {len(names):,} lines and "
                    f"{split}_age.txt {len(ages):,}; line by line they belong together",
                    f"get both again from {self.source}",
                )
            for i, (name, age) in enumerate(zip(names, ages, strict=True), 1):
                path = f"{start}{split}/{name}" if name else ""
                rows.add(path, _number(age), split=split, where=f"{split}_name.txt line {i}")
        return rows.build()


def _lines(rows: Rows, path: str) -> list[str]:
    file = rows.find(path)
    if file is None:
        expected = f"{path} beside the other lists of {MegaAgeAsian.layout}"
        raise rows.expected(expected, MegaAgeAsian.source)
    return read_lines(rows.root / file)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
