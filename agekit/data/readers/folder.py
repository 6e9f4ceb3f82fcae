"""`folder`: any folder of images whose ages are in a csv, in folder names or in file names."""

from __future__ import annotations

import re
from pathlib import Path

from agekit.data.dataset import Dataset
from agekit.data.files import Files
from agekit.data.readers.choice import own_protocols
from agekit.data.readers.labels import read_labels
from agekit.data.readers.scan import find_files, is_image
from agekit.data.table import FaceTable, Problem
from agekit.errors import DataError

__all__ = ["Folder"]

_FOLDER_AGE = re.compile(r"\d{1,3}(\.\d+)?")
_FILE_AGE = re.compile(r"(\d{1,3}(?:\.\d+)?)_")


class Folder(Dataset):
    """A folder of images: `labels.csv` or its only csv, else ``25/x.jpg``, else ``25_x.jpg``."""

    name = "folder"
    title = "Your own folder of images"
    licence = "yours"
    source = "your disk"
    layout = (
        "labels.csv (or one csv) with path and age, as the dataset 'csv' takes it; "
        "or folders named by age: 25/x.jpg; or files that begin with the age: 25_x.jpg"
    )
    protocols = own_protocols("folder")
    default_protocol = "auto"

    def read(self, root: Path | None) -> FaceTable:
        """Reads the csv, or the names.

        Raises:
            DataError: nothing says the images' ages, or the csv cannot be used.
        """
        assert root is not None
        tables = sorted(p for p in root.iterdir() if p.suffix.lower() == ".csv")
        named = [p for p in tables if p.name.lower() == "labels.csv"]
        if named or len(tables) == 1:
            return read_labels((named or tables)[0], root)
        paths: list[str] = []
        ages: list[float] = []
        problems: list[Problem] = []
        for path in find_files(root):
            age = _age(path)
            if not is_image(path):
                problems.append(Problem("name", path, "not an image"))
            elif age is None:
                problems.append(Problem("age", path, "no age in the names of its folder or file"))
            else:
                paths.append(path)
                ages.append(age)
        if not paths:
            found = ", ".join(p.name for p in problems[:3]) or "no file"
            raise DataError(
                f"{root}: nothing says how old the faces are; found: {found}",
                f"expected: {self.layout}",
            )
        return FaceTable.build(Files(root, paths), ages, problems=problems)


def _age(path: str) -> float | None:
    *folders, name = path.split("/")
    for folder in folders:
        if _FOLDER_AGE.fullmatch(folder):
            return float(folder)
    match = _FILE_AGE.match(name)
    return float(match[1]) if match else None
