"""What a suite is asked: claims of a paper, that its results bear out or do not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, model_validator

from agekit._mistakes import Schema
from agekit.errors import nearest

__all__ = ["Claim"]

Count = Annotated[int, Field(ge=1)]


class Claim(Schema):
    """One row is said to err less than others, or one generation less than another.

    Attributes:
        text: what is claimed, one sentence without its full stop.
        row: the label of the row that is said to be better; None for each row of the table.
        beats: the labels of the others; none where generations of one row are compared.
        generation: of the better, where generations are rows; else the last.
        beats_generation: of the others, likewise; of the same row where `beats` is empty.
    """

    text: str
    row: str | None = None
    beats: list[str] = []
    generation: Count | None = None
    beats_generation: Count | None = None

    @model_validator(mode="after")
    def _compares(self) -> Claim:
        if bool(self.beats) == (self.row is None):
            raise ValueError("a claim has a row and those it beats, or neither")
        if self.row is None and None in (self.generation, self.beats_generation):
            raise ValueError("a claim without a row has a generation and the one it beats")
        return self

    def unknown(self, labels: Iterable[str]) -> str | None:
        """The first label that is none of `labels`, and what may be meant; None if all are."""
        known = list(labels)
        for label in [*([self.row] if self.row is not None else []), *self.beats]:
            if label not in known:
                return f"{label!r} is no row{nearest(label, known)}"
        return None
