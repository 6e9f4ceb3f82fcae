"""Datasets made from datasets: chips cut by `agekit data prepare`, shards by `agekit data pack`.

Both keep the columns of the face table they were made from, and the content keys of its pictures,
so that every protocol splits them as it splits the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError

from agekit._mistakes import Schema, summary
from agekit.data.alignment import Alignment
from agekit.errors import DataError

__all__ = ["COLUMNS", "MANIFEST", "TABLE", "Manifest", "parse_manifest"]

MANIFEST = "faces.json"
TABLE = "faces.csv"
COLUMNS = ("path", "age", "sigma", "identity", "gender", "group", "split", "origin")
"""Of `TABLE`, and beside ``image`` of a shard; `origin` is 32 hex digits; what is unknown is empty
in the csv and null in a shard; group and split are names, gender is ``male`` or ``female``."""


class Manifest(Schema):
    """What a derived dataset says of itself: ``faces.json``, or the shards' metadata ``agekit``.

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


def parse_manifest(text: str, name: str) -> Manifest:
    """Reads a manifest.

    Args:
        text: its JSON.
        name: what to call it in errors.

    Raises:
        DataError: it is damaged, or of a later version.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        reason = summary(error, Manifest)
        raise DataError(f"{name}: not a list of faces that agekit can read: {reason}") from error
