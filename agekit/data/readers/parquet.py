"""`parquet`: any Parquet file of images and ages, as the `datasets` library writes them."""

from __future__ import annotations

from pathlib import Path

from agekit.data.dataset import Dataset
from agekit.data.readers.choice import own_protocols
from agekit.data.readers.columns import Columns
from agekit.data.shards import read_shards
from agekit.data.table import FaceTable

__all__ = ["Parquet"]


class Parquet(Dataset):
    """Parquet shards: the root is one file, or a folder that holds the files."""

    name = "parquet"
    title = "Your own images, in Parquet files"
    licence = "yours"
    source = "your disk, or a Parquet dataset of the Hugging Face Hub"
    layout = (
        "a .parquet file, or a folder of them (or one with such a folder data), with columns image "
        "(struct of bytes and path, or the bytes) and age, in years or as a range; optional: sigma "
        "(std), identity (subject), gender, group (race, ethnicity), split (train/val/test; else "
        "the files' names train-..., validation-..., test-...); other names by --columns"
    )
    protocols = own_protocols("parquet")
    default_protocol = "auto"
    file_allowed = True

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels.

        Raises:
            DataError: there is no Parquet file, or one cannot be used.
        """
        return self.read_named(root, {})

    def read_named(self, root: Path | None, columns: Columns) -> FaceTable:
        """Reads the labels; see `Dataset.read_named`."""
        assert root is not None
        return read_shards(root, columns)[0]
