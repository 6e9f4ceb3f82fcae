"""`csv`, `folder` and `parquet`: the datasets for users' own images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ConfigError, DataError
from agekit.plugin import (
    Columns,
    Dataset,
    FaceTable,
    Protocol,
    Rows,
    by_column,
    by_content,
    by_identity,
)
from agekit_datasets.own.labels import LabelTable, find_labels, read_labels, read_tables
from agekit_datasets.own.names import ages_in_names

__all__ = ["Csv", "Folder", "Parquet"]


def _protocols(salt: str) -> dict[str, Protocol]:
    """``auto``, ``column`` and ``seeded-80-10-10``."""
    column = by_column()
    person = by_identity(0.8, 0.1, salt)
    content = by_content(0.8, 0.1, salt)

    def seeded(table: FaceTable) -> NDArray[np.int8]:
        return (person if (table.identity >= 0).any() else content)(table)

    def auto(table: FaceTable) -> NDArray[np.int8]:
        return (column if (table.split >= 0).any() else seeded)(table)

    rules = (
        Protocol("auto", "the split column where there is one, else seeded-80-10-10", auto),
        Protocol("column", "the split column: train, val, test", column),
        Protocol(
            "seeded-80-10-10",
            "80/10/10 by a hash of the identity where known, else of the image's bytes",
            seeded,
        ),
    )
    return {rule.name: rule for rule in rules}


def _is_one_dataset(tables: list[LabelTable]) -> bool:
    """True if tables belong together: just one, or one of each split or folder of a split."""
    return len(tables) == 1 or (bool(tables) and all(t.below or t.split for t in tables))


class _Own(Dataset):
    """Images of a user's own, whose columns may have names of the user's own."""

    licence = "yours"
    source = "your disk"
    default_protocol = "auto"

    def read(self, root: Path | None) -> FaceTable:
        """Reads the rows by the usual names of the columns; see `Dataset.read`."""
        return self.read_named(root, {})


class Csv(_Own):
    """A csv of labels: the root is the file, or a folder that holds one csv."""

    name = "csv"
    title = "Your own images, labelled in a csv"
    layout = (
        "a csv with columns path (or image, file, filename; relative to the csv's folder) and age, "
        "in years or as a range; optional: sigma (std), identity (person_id, subject_id), gender "
        "(m/f/male/female/0/1), group (race, ethnicity), split (train/val/test); other names by "
        "--columns; comma, semicolon, tab, | or blanks; or a .tsv, or a .jsonl"
    )
    protocols = _protocols("csv")
    file_allowed = True

    def read_named(self, root: Path | None, columns: Columns) -> FaceTable:
        """Reads the csv; see `Dataset.read_named`.

        Raises:
            DataError: there is not exactly one csv, or it cannot be used.
        """
        assert root is not None
        if root.is_file():
            return read_labels(root, root.parent, columns)
        tables = find_labels(root)
        if not _is_one_dataset(tables):
            found = ", ".join(table.path.name for table in tables) or "none"
            raise DataError(
                f"{root}: expected one csv, found: {found}", "pass the csv itself as the root"
            )
        return read_tables(tables, root, columns)


class Folder(_Own):
    """A folder of images: a table of labels, else ``25/x.jpg``, else ``25_x.jpg``."""

    name = "folder"
    title = "Your own folder of images"
    layout = (
        "labels.csv (or one csv, or the metadata.csv or .jsonl of an image folder of the Hub) with "
        "path and age, as the dataset 'csv' takes it; or folders named by age or by a range of "
        "ages: 25/x.jpg; or files with the age in their names: 25_x.jpg, age_25_x.jpg, 007_25.jpg; "
        "all of them in train/, val/ and test/, if they are split"
    )
    protocols = _protocols("folder")

    def read_named(self, root: Path | None, columns: Columns) -> FaceTable:
        """Reads the table, or the names; see `Dataset.read_named`.

        Raises:
            DataError: nothing says the images' ages, or the table cannot be used.
        """
        assert root is not None
        tables = find_labels(root)
        if _is_one_dataset(tables):
            return read_tables(tables, root, columns)
        found = ", ".join(table.path.name for table in tables)
        if columns:
            raise ConfigError(
                f"{root}: no one table whose columns could be named: found {found or 'none'}",
                "call it labels.csv, or leave --columns out",
            )
        return self._read_names(root, found)

    def _read_names(self, root: Path, tables: str) -> FaceTable:
        rows = Rows(root)
        images = rows.images()
        ages, notes = ages_in_names(images)
        if tables:
            rows.notes.append(f"{root}: no one is called labels.csv: not used: {tables}")
        if first := next(((p, a) for p, a in zip(images, ages, strict=True) if a), None):
            rows.notes.append(f"ages are read from names: {first[0]} as {first[1].years:g} years")
        rows.notes.extend(notes)
        for path, age in zip(images, ages, strict=True):
            if not (root / path).exists():
                rows.problem("missing", path, "a link to a file that is not there")
            elif age is None:
                rows.problem("age", path, "no age in the names of its folder or file")
            else:
                rows.add(path, age.years, sigma=age.sigma)
        if not len(rows):
            found = ", ".join(p.name for p in rows.problems[:3]) or "no file"
            raise DataError(
                f"{root}: nothing says how old the faces are; found: {found}",
                f"expected: {self.layout}",
            )
        rows.take_folder_splits()
        return rows.build()


class Parquet(_Own):
    """Parquet shards: the root is one file, or a folder that holds the files."""

    name = "parquet"
    title = "Your own images, in Parquet files"
    source = "your disk, or a Parquet dataset of the Hugging Face Hub"
    layout = (
        "a .parquet file, or a folder of them (or one with such a folder data), with columns image "
        "(struct of bytes and path, or the bytes) and age, in years or as a range; optional: sigma "
        "(std), identity (subject), gender, group (race, ethnicity), split (train/val/test; else "
        "the files' names train-..., validation-..., test-...); other names by --columns"
    )
    protocols = _protocols("parquet")
    file_allowed = True

    def read_named(self, root: Path | None, columns: Columns) -> FaceTable:
        """Reads the labels; see `Dataset.read_named`.

        Raises:
            DataError: there is no Parquet file, or one cannot be used.
        """
        from agekit_datasets.packs.shards import read_shards  # pyarrow is slow to import

        assert root is not None
        return read_shards(root, columns)
