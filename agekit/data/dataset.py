"""The contract of datasets: a reader and the protocols it is used by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.data.alignment import Alignment
from agekit.data.protocols import Protocol
from agekit.data.table import FaceTable
from agekit.errors import ConfigError

__all__ = ["Dataset"]


class Dataset(ABC):
    """A dataset; made without arguments by the registry.

    Attributes:
        name: its registry name.
        title: its full name.
        licence: under what terms it may be used.
        source: where to get it.
        citation: the paper, in one line.
        layout: what lies in its root, as text for people.
        official: what its authors count, where that is known: ``images``, ``people``.
        protocols: how it is split and scored, by name.
        default_protocol: the one used when none is asked for.
        needs_root: whether it lies in a folder of the user's.
        file_allowed: whether its root may be a file.
        alignment: where the faces lie in its images, as far as that is known: `WHOLE` of photos.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    source: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    layout: ClassVar[str] = ""
    official: ClassVar[Mapping[str, int]] = {}
    protocols: ClassVar[Mapping[str, Protocol]]
    default_protocol: ClassVar[str]
    needs_root: ClassVar[bool] = True
    file_allowed: ClassVar[bool] = False
    alignment: ClassVar[Alignment] = Alignment()

    @abstractmethod
    def read(self, root: Path | None) -> FaceTable:
        """Reads the rows; decodes no image.

        Args:
            root: where the dataset lies, checked to be there; None only if `needs_root` is false.

        Raises:
            DataError: the layout is not what was expected; says expected and found.
        """

    def read_named(self, root: Path | None, columns: Mapping[str, str]) -> FaceTable:
        """Reads the rows of a table whose columns have names of the user's own.

        Args:
            root: see `read`.
            columns: field of the face table → column.

        Raises:
            ConfigError: the dataset is no such table, or a key is no field of it.
            DataError: see `read`.
        """
        raise ConfigError(
            f"{self.name} has no columns to name", "--columns is for csv, folder and parquet"
        )
