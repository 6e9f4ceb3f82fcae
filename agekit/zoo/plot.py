"""Predictions as a picture: each face beside its age and distribution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from agekit.atomic import written
from agekit.data.decode import decode
from agekit.errors import DataError
from agekit.zoo.predictor import Prediction

__all__ = ["plot_predictions"]

SIDE = 192
MOST = 200
STYLE: Any = {"font.size": 9, "axes.titlesize": 10}


def plot_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Draws one row a face.

    Args:
        path: the PNG to write.
        predictions: of images on disk; those that could not be read are left out.

    Raises:
        DataError: there is no face to draw, or more than one picture holds.
    """
    shown = [(p.path, face) for p in predictions for face in p.faces]
    if not shown:
        raise DataError("there is no face to draw")
    if len(shown) > MOST:
        raise DataError(
            f"{len(shown)} faces are too many for one picture", f"draw at most {MOST} at a time"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 1.9 * len(shown)), layout="constrained")
        axes = figure.subplots(len(shown), 2, squeeze=False, width_ratios=[1, 2])
        for (picture, plot), (name, face) in zip(axes, shown, strict=True):
            picture.imshow(decode(Path(name), SIDE))
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
        with written(path) as aside:
            figure.savefig(aside, format="png", dpi=130)
