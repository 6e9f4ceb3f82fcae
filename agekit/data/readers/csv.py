"""`csv`: images and a csv that says their ages."""

from __future__ import annotations

from pathlib import Path

from agekit.data.dataset import Dataset
from agekit.data.readers.choice import own_protocols
from agekit.data.readers.labels import read_labels
from agekit.data.table import FaceTable
from agekit.errors import DataError

__all__ = ["Csv"]


class Csv(Dataset):
    """A csv of labels: the root is the file, or a folder that holds one csv."""

    name = "csv"
    title = "Your own images, labelled in a csv"
    licence = "yours"
    source = "your disk"
    layout = (
        "a csv with columns path (or image, file, filename; relative to the csv's folder) and age; "
        "optional: sigma (std), identity (id, subject), gender (m/f/male/female/0/1), "
        "group (race, ethnicity), split (train/val/test); comma, semicolon or tab"
    )
    protocols = own_protocols("csv")
    default_protocol = "auto"
    file_allowed = True

    def read(self, root: Path | None) -> FaceTable:
        """Reads the csv.

        Raises:
            DataError: there is not exactly one csv, or it cannot be used.
        """
        assert root is not None
        if root.is_file():
            return read_labels(root, root.parent)
        tables = sorted(p for p in root.iterdir() if p.suffix.lower() == ".csv")
        if len(tables) != 1:
            found = ", ".join(p.name for p in tables) or "none"
            raise DataError(
                f"{root}: expected one csv, found: {found}", "pass the csv itself as the root"
            )
        return read_labels(tables[0], root)
