"""The curve of a range test, drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from agekit.atomic import write_from_memory
from agekit.tasks.estimator.figures import COLOURS, STYLE
from agekit_search.range_test import Curve

__all__ = ["draw_curve"]


def draw_curve(path: Path, curve: Curve, begin: float, least: float) -> None:
    """Draws losses by learning rate, and the two rates that are told.

    Args:
        path: the PNG to write.
        curve: of the test.
        begin: the rate to begin with.
        least: the rate of the least loss.
    """
    smooth = curve.smooth
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(curve.rates, curve.losses, color=COLOURS[0], linewidth=0.8, label="loss")
        axes.plot(curve.rates, smooth, color=COLOURS[3], label="smoothed")
        for rate, name, colour in (
            (begin, f"to begin with: {begin:.2g}", COLOURS[2]),
            (least, f"least loss: {least:.2g}", COLOURS[1]),
        ):
            axes.axvline(rate, color=colour, linestyle="--", label=name)
        # All losses up to the least; what is far above them, where training breaks, is cut off.
        before = np.array([*curve.losses[: curve.rates.index(least) + 1], smooth[0]])
        low, high = float(before.min()), float(before.max())
        room = max(high - low, 1e-3 * abs(high), 1e-9)
        axes.set_ylim(low - 0.15 * room, high + 0.4 * room)
        axes.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        axes.legend()
        write_from_memory(path, partial(figure.savefig, format="png", dpi=130))
