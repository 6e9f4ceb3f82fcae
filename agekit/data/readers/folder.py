"""`folder`: any folder of images whose ages are in a csv, in folder names or in file names."""

from __future__ import annotations

from pathlib import Path

from agekit.data.dataset import Dataset
from agekit.data.readers.choice import own_protocols
from agekit.data.readers.columns import Columns
from agekit.data.readers.labels import find_labels, read_tables
from agekit.data.readers.names import ages_in_names
from agekit.data.readers.rows import Rows
from agekit.data.readers.scan import left_out, split_images
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, DataError

__all__ = ["Folder"]


class Folder(Dataset):
    """A folder of images: a table of labels, else ``25/x.jpg``, else ``25_x.jpg``."""

    name = "folder"
    title = "Your own folder of images"
    licence = "yours"
    source = "your disk"
    layout = (
        "labels.csv (or one csv, or the metadata.csv or .jsonl of an image folder of the Hub) with "
        "path and age, as the dataset 'csv' takes it; or folders named by age or by a range of "
        "ages: 25/x.jpg; or files with the age in their names: 25_x.jpg, age_25_x.jpg, 007_25.jpg; "
        "all of them in train/, val/ and test/, if they are split"
    )
    protocols = own_protocols("folder")
    default_protocol = "auto"

    def read(self, root: Path | None) -> FaceTable:
        """Reads the table, or the names.

        Raises:
            DataError: nothing says the images' ages, or the table cannot be used.
        """
        return self.read_named(root, {})

    def read_named(self, root: Path | None, columns: Columns) -> FaceTable:
        """Reads the table, or the names; see `Dataset.read_named`."""
        assert root is not None
        tables = find_labels(root)
        if len(tables) == 1 or (tables and all(table.below or table.split for table in tables)):
            return read_tables(tables, root, columns)
        if columns:
            found = ", ".join(table.path.name for table in tables) or "none"
            raise ConfigError(
                f"{root}: no one table whose columns could be named: found {found}",
                "call it labels.csv, or leave --columns out",
            )
        return _read_names(root, [table.path.name for table in tables], self.layout)


def _read_names(root: Path, tables: list[str], layout: str) -> FaceTable:
    rows = Rows(root)
    images, others = split_images(root, rows.files)
    for path in others:
        rows.problem("name", path, "not an image")
    if others:
        rows.notes.append(left_out(others))
    ages, notes = ages_in_names(images)
    if tables:
        shown = ", ".join(tables)
        rows.notes.append(f"{root}: no one is called labels.csv: not used: {shown}")
    rows.notes.extend(notes)
    for path, age in zip(images, ages, strict=True):
        if not (root / path).exists():
            rows.problem("missing", path, "a link to a file that is not there")
        elif age is None:
            rows.problem("age", path, "no age in the names of its folder or file")
        else:
            rows.add(path, age)
    if not len(rows):
        found = ", ".join(p.name for p in rows.problems[:3]) or "no file"
        raise DataError(
            f"{root}: nothing says how old the faces are; found: {found}", f"expected: {layout}"
        )
    rows.take_folder_splits()
    return rows.build()
