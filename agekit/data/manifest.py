"""The manifest and the columns of chips that `prepare` cuts and of shards that `pack` writes.

Both keep the columns of the face table they were made from, and the content keys of its pictures,
so that every protocol splits them as it splits the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from agekit._mistakes import Schema
from agekit.data.alignment import Alignment
from agekit.data.dataset import Dataset
from agekit.data.table import COLUMNS as LABELS
from agekit.data.table import FaceTable
from agekit.discovery import core_version

__all__ = ["COLUMNS", "MANIFEST", "TABLE", "Manifest"]

MANIFEST = "faces.json"
TABLE = "faces.csv"
COLUMNS = ("path", *LABELS, "origin")
"""Of `TABLE`, and beside ``image`` of a shard; `origin` is 32 hex digits; what is unknown is empty
in the csv and null in a shard; group and split are names, gender is ``male`` or ``female``."""


class Manifest(Schema):
    """The description of a derived dataset: ``faces.json``, or the shards' metadata ``agekit``.

    Attributes:
        format: the version of this schema.
        dataset: registry name of the dataset it was made from.
        title: its full name.
        licence: under what terms it may be used; those of the original.
        group_names: the groups, in the table's order.
        face: how the faces were cut.
        size: side of the chips in pixels, None where they are as they were.
        rows: how many there are.
        made_by: name and version of what made it.
    """

    format: Literal[1] = 1
    dataset: str
    title: str = ""
    licence: str = ""
    group_names: Sequence[str] = ()
    face: Alignment = Alignment()
    size: int | None = None
    rows: int
    made_by: str

    @classmethod
    def of(cls, dataset: Dataset, table: FaceTable, face: Alignment, size: int | None) -> Self:
        """The manifest of what this agekit makes of a dataset; see the attributes."""
        return cls(
            dataset=dataset.name,
            title=dataset.title,
            licence=dataset.licence,
            group_names=table.group_names,
            face=face,
            size=size,
            rows=len(table),
            made_by=f"agekit {core_version()}",
        )

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Reads a manifest.

        Args:
            text: its JSON.
            name: what to call it in errors.

        Raises:
            DataError: it is damaged, or of a later version.
        """
        return cls.parse_json(text, f"{name}: not a list of faces that agekit can read")
