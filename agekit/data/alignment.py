"""The alignment of faces in their images: one value from the dataset to the answer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agekit._mistakes import Schema

__all__ = ["WHOLE", "Alignment", "prepare_command"]

Point = tuple[float, float]


class Alignment(Schema):
    """The place of the five points of faces in images.

    Every dataset, prepared folder, pack, run and model has one. It is unknown where `align` is
    ``chips`` and there are no `points`: it can then only be measured.

    Attributes:
        align: ``chips``: faces that were cut out somehow, used as they are; ``five-points``:
            turned, scaled and cut so that the eyes, the nose and the corners of the mouth come to
            lie on `points`; ``whole``: photos or loose crops, in which faces lie anywhere.
        detector: registry name of what found them, or is to find them.
        margin: what was added around the standard frame, as a share of its side.
        points: x and y of the five points, as shares of the side of the image's middle square, in
            the order of `agekit.faces.base.Detection`; None of ``five-points`` are those of
            `agekit.faces.align.frame`.
    """

    align: Literal["chips", "five-points", "whole"] = "chips"
    detector: str = "mtcnn"
    margin: Annotated[float, Field(ge=-0.5, le=4)] = 0.0
    points: tuple[Point, Point, Point, Point, Point] | None = None


WHOLE = Alignment(align="whole")
"""Of datasets of photos."""


def prepare_command(
    dataset: str,
    root: Path | None = None,
    like: str = "",
    *,
    alignment: Alignment | None = None,
    out: str = "CHIPS",
) -> str:
    """The command that cuts the faces of a dataset out as a model knows them.

    Args:
        dataset: its registry name.
        root: where it lies, if that was told.
        like: the model; empty for the standard frame.
        alignment: the detector and the margin, in place of `like`.
        out: where the chips go.
    """
    words = ["agekit", "data", "prepare", dataset]
    words += ["--root", str(root)] if root is not None else []
    words += ["--like", like] if like else []
    if alignment is not None:
        words += ["--detector", alignment.detector, "--margin", f"{alignment.margin:g}"]
    return shlex.join([*words, "--out", out])
