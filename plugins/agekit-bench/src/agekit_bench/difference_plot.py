"""A plot of how models' errors differ: a line an interval, a row a part of the faces."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from agekit.atomic import write_from_memory
from agekit.tasks.estimator.figures import COLOURS, STYLE
from agekit_bench.compare import ModelComparison

__all__ = ["draw_differences"]


def draw_differences(path: Path, found: ModelComparison) -> None:
    """Draws by how much each model errs more or less than the first, with 95 % intervals.

    Args:
        path: the PNG to write.
        found: the comparison.
    """
    first, *others = [one.name for one in found.models]
    rows = len(found.parts)
    with matplotlib.rc_context(STYLE):
        height = 1.3 + 0.16 * len(others) * rows + 0.12 * rows + 0.2 * len(others)
        figure = Figure(figsize=(7.0, height), layout="constrained")
        axes = figure.subplots()
        for k, name in enumerate(others):
            away = (k - (len(others) - 1) / 2) * 0.7 / max(1, len(others))
            drawn = [mine.difference(k + 1, 0) for _, mine in found.parts]
            places = [row + away for row in range(rows)]
            colour = COLOURS[(k + 1) % len(COLOURS)]
            axes.hlines(
                places,
                [one.interval.low for one in drawn],
                [one.interval.high for one in drawn],
                color=colour,
                linewidth=1.6,
            )
            axes.plot([one.by for one in drawn], places, "o", color=colour, ms=4, label=name)
        axes.axvline(0, color="#444444", linewidth=0.8)
        labels = [f"{part.name} ({len(mine.faces):,})" for part, mine in found.parts]
        axes.set_yticks(range(rows), labels)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_xlabel("years of MAE more than the first; below 0 errs less")
        axes.set_title(f"{found.faces.protocol}, {found.split}: compared with {first}")
        for text in (axes.title, *axes.get_yticklabels()):
            text.set_parse_math(False)
        figure.legend(loc="outside lower center", ncols=min(3, len(others)))
        write_from_memory(path, partial(figure.savefig, format="png", dpi=130))
