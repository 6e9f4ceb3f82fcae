"""`csv`: images and a csv that says their ages."""

from __future__ import annotations

from pathlib import Path

from agekit.data.dataset import Dataset
from agekit.data.readers.choice import own_protocols
from agekit.data.readers.columns import Columns
from agekit.data.readers.labels import find_labels, read_labels, read_tables
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
        "a csv with columns path (or image, file, filename; relative to the csv's folder) and age, "
        "in years or as a range; optional: sigma (std), identity (person_id, subject_id), gender "
        "(m/f/male/female/0/1), group (race, ethnicity), split (train/val/test); other names by "
        "--columns; comma, semicolon, tab, | or blanks; or a .tsv, or a .jsonl"
    )
    protocols = own_protocols("csv")
    default_protocol = "auto"
    file_allowed = True

    def read(self, root: Path | None) -> FaceTable:
        """Reads the csv.

        Raises:
            DataError: there is not exactly one csv, or it cannot be used.
        """
        return self.read_named(root, {})

    def read_named(self, root: Path | None, columns: Columns) -> FaceTable:
        """Reads the csv; see `Dataset.read_named`."""
        assert root is not None
        if root.is_file():
            return read_labels(root, root.parent, columns)
        tables = find_labels(root)
        one = len(tables) == 1 or (tables and all(t.below or t.split for t in tables))
        if not one:
            found = ", ".join(table.path.name for table in tables) or "none"
            raise DataError(
                f"{root}: expected one csv, found: {found}", "pass the csv itself as the root"
            )
        return read_tables(tables, root, columns)
