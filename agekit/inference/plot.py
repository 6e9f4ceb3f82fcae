"""Faces as rows of a figure: each chip beside the distribution of its age."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from agekit.atomic import write_from_memory
from agekit.errors import DataError
from agekit.inference.face import Face

__all__ = ["MOST", "SIDE", "draw_rows", "save_rows"]

SIDE = 192
"""Of a chip in a row, pixels."""
DPI = 130
MOST = 200
"""Rows that one picture holds."""
STYLE: Any = {"font.size": 9, "axes.titlesize": 10}


FaceRow = tuple[NDArray[np.uint8], Face]


def save_rows(path: Path, rows: Sequence[FaceRow]) -> None:
    """Draws one row a face.

    Args:
        path: the PNG to write.
        rows: the chip of each, (S, S, 3) uint8 RGB, and the face.

    Raises:
        DataError: there is no face to draw, or more than one picture holds.
    """
    write_from_memory(path, partial(_figure(rows).savefig, format="png", dpi=DPI))


def draw_rows(rows: Sequence[FaceRow]) -> Image.Image:
    """The same as a picture in memory."""
    file = BytesIO()
    _figure(rows).savefig(file, format="png", dpi=DPI)
    return Image.open(file)


def _figure(rows: Sequence[FaceRow]) -> Figure:
    if not rows:
        raise DataError("there is no face to draw")
    if len(rows) > MOST:
        raise DataError(
            f"{len(rows)} faces are too many for one picture", f"draw at most {MOST} at a time"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 1.9 * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=[1, 2])
        for (picture, plot), (chip, face) in zip(axes, rows, strict=True):
            picture.imshow(chip)
            picture.set_axis_off()
            low, high = face.interval
            plot.set_title(f"{face.age:.1f} years ({low:.0f}-{high:.0f})", loc="left")
            plot.axvspan(low, high, color="#e07a5f", alpha=0.15, linewidth=0)
            plot.axvline(face.age, color="#e07a5f")
            if face.p is not None:
                plot.fill_between(face.ages, face.p, color="#3d405b", alpha=0.4, linewidth=0)
                plot.set_ylim(bottom=0)
            plot.set_yticks([])
            plot.spines[["top", "left", "right"]].set_visible(False)
            plot.set_xlabel("age (years)")
    return figure
