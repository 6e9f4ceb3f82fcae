"""Explanations drawn: the photo, and a row a face with its map and its parts."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from agekit.plugin import draw_faces
from agekit_explain.occlusion import Explanation, Pixels

__all__ = ["MOST", "draw_explanations"]

MOST = 12
"""Faces that one picture shows."""
_DPI = 110
_ROW = 2.3
"""Inches, as the next."""
_BESIDE = 3.2
_WIDE = 1.6
"""Width by height from which a photo stands above its faces, not beside them."""
_LEAST = 1.0
"""Years at which the colours end, at least: less is noise, and is drawn pale."""
_OLDER, _YOUNGER = "#b2182b", "#2166ac"
_STYLE: Any = {"font.size": 9, "axes.titlesize": 9}


def draw_explanations(photo: Pixels | None, found: Sequence[Explanation]) -> Image.Image:
    """Draws one photo's faces, all in one scale of colours.

    Args:
        photo: (H, W, 3) RGB, upright, on which the faces are numbered; None of a chip.
        found: one explanation or more, of at most `MOST` faces.
    """
    bound = max([_LEAST, *(float(np.abs(one.years).max()) for one in found)])
    reach = 1.1 * max([bound, *(abs(years) for one in found for years in one.parts.values())])
    rows = len(found)
    with matplotlib.rc_context(_STYLE):
        width, height = 7.2, max(rows * _ROW + 0.9, 3.2)
        figure = Figure(layout="constrained")
        body: Any = figure
        if photo is not None:
            if photo.shape[1] > _WIDE * photo.shape[0]:
                above = width * photo.shape[0] / photo.shape[1]
                numbered, body = figure.subfigures(
                    2, 1, height_ratios=[above, height], squeeze=False
                ).flat
                height += above
            else:
                numbered, body = figure.subfigures(
                    1, 2, width_ratios=[_BESIDE, width], squeeze=False
                ).flat
                width += _BESIDE
            axes = numbered.subplots()
            axes.imshow(draw_faces(photo, [e.face for e in found], range(1, rows + 1)))
            axes.set_axis_off()
        figure.set_size_inches(width, height)
        grid = body.subplots(rows, 3, squeeze=False, width_ratios=[1, 1, 1.15])
        for k, (one, (plain, mapped, bars)) in enumerate(zip(found, grid, strict=True), 1):
            low, high = one.face.interval
            plain.imshow(one.chip)
            number = "" if rows == 1 else f"{k}: "
            plain.set_title(f"{number}{one.face.age:.1f} years ({low:.0f}-{high:.0f})")
            image = _map(mapped, one, bound)
            for axes in (plain, mapped):
                axes.set_axis_off()
            _bars(bars, one, reach, last=k == rows)
        label = "years that what lies there adds to the age"
        bar = body.colorbar(
            image,
            ax=grid[:, :2].ravel().tolist(),
            location="bottom",
            shrink=0.9,
            aspect=40,
            pad=0.03,
        )
        bar.set_label(label)
        file = BytesIO()
        figure.savefig(file, format="png", dpi=_DPI)
    return Image.open(file).convert("RGB")


def _map(axes: Any, one: Explanation, bound: float) -> Any:
    """The map over the face in grey."""
    side = len(one.chip)
    grey = np.asarray(Image.fromarray(one.chip).convert("L"))
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255)
    return axes.imshow(
        one.years,
        cmap="RdBu_r",
        vmin=-bound,
        vmax=bound,
        alpha=0.6,
        interpolation="bilinear",
        extent=(-0.5, side - 0.5, side - 0.5, -0.5),
    )


def _bars(axes: Any, one: Explanation, reach: float, *, last: bool) -> None:
    """The parts, a bar each, on one scale for all faces."""
    if not one.parts:
        axes.set_axis_off()
        return
    names, years = list(one.parts), list(one.parts.values())
    axes.barh(names, years, color=[_OLDER if value > 0 else _YOUNGER for value in years])
    axes.set_xlim(-reach, reach)
    axes.invert_yaxis()
    axes.axvline(0, color="#444444", linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    if last:
        axes.set_xlabel("years each part adds")
