"""A run's figures: curves, evolving distributions, estimated against true age."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from agekit.atomic import write_from_memory
from agekit.errors import counted

__all__ = ["contact_sheet", "curves", "distributions", "errors", "scatter"]

STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.frameon": False,
}
_SHEET_COLUMNS = 6
_SHEET_NAME = 30
COLOURS = ("#9db4c0", "#4f8a8b", "#e07a5f", "#3d405b", "#b56576", "#6d597a")


def _colour(generation: int) -> str:
    return COLOURS[(generation - 1) % len(COLOURS)]


def _figure(width: float, height: float) -> Figure:
    with matplotlib.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    write_from_memory(path, partial(figure.savefig, format="png", dpi=130))


def curves(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Training loss and the error on the validation split, epoch by epoch, each generation a line.

    Args:
        path: the PNG to write.
        records: the lines of a run's metrics file.
    """
    with matplotlib.rc_context(STYLE):
        figure = _figure(8.0, 3.0)
        loss, error = figure.subplots(1, 2)
        for generation in sorted({record["generation"] for record in records}):
            mine = [record for record in records if record["generation"] == generation]
            epochs = [record["epoch"] for record in mine]
            style = {"color": _colour(generation), "label": f"generation {generation}"}
            if len(mine) == 1:
                style["marker"] = "o"  # a line of one point shows nothing
            loss.plot(epochs, [record["losses"]["loss"] for record in mine], **style)
            watched = [r for r in mine if r.get("val_mae") is not None]
            error.plot([r["epoch"] for r in watched], [r["val_mae"] for r in watched], **style)
        for axes in (loss, error):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            if axes.dataLim.ymin >= 0:  # or small steps look like large ones
                axes.set_ylim(bottom=0)
        loss.set(xlabel="epoch", ylabel="training loss", title="Loss")
        error.set(xlabel="epoch", ylabel="MAE (years)", title="Error on the validation split")
        loss.legend()
        _save(figure, path)


def distributions(
    path: Path,
    faces: Sequence[NDArray[np.uint8]],
    true: Sequence[float],
    ages: tuple[int, int],
    by_generation: Sequence[NDArray[np.float32]],
) -> None:
    """Draws how the label distributions of a few faces evolve: the paper's figure 3.

    Args:
        path: the PNG to write.
        faces: F images, (H, W, 3) uint8 each.
        true: their ages in years.
        ages: the first and the last label age.
        by_generation: for each generation the distributions, (F, K).
    """
    columns, rows = len(faces), len(by_generation)
    labels = np.arange(ages[0], ages[1] + 1)
    # One scale for all, or a generation that is surer does not look it.
    most = max(float(p.max()) for p in by_generation)
    tick = max((share for share in (0.02, 0.05, 0.1, 0.2, 0.5) if share <= most), default=most)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = _figure(1.9 * columns, 1.5 + 1.15 * rows)
        axes = figure.subplots(
            rows + 1, columns, squeeze=False, height_ratios=[1.5] + [1.0] * rows, sharey="row"
        )
        for column in range(columns):
            picture = axes[0, column]
            picture.imshow(faces[column])
            picture.set_axis_off()
            picture.set_title(f"{true[column]:.0f} years")
            for row, p in enumerate(by_generation):
                _distribution(axes[row + 1, column], labels, p[column], true[column], row + 1)
                axes[row + 1, column].set_ylim(0, 1.05 * most)
                if column == 0:
                    axes[row + 1, 0].set_ylabel(f"t = {row + 1}")
                    axes[row + 1, 0].set_yticks([0, tick], ["0", f"{100 * tick:.2g} %"])
                if row + 1 < rows:
                    axes[row + 1, column].set_xticklabels([])
        text = "age (years); the dashed line is the true age; heights are probabilities of a year"
        figure.supxlabel(text, fontsize=8)
        _save(figure, path)


def _distribution(
    axes: Axes, labels: NDArray[Any], p: NDArray[Any], true: float, generation: int
) -> None:
    axes.fill_between(labels, p, color=_colour(generation), alpha=0.35, linewidth=0)
    axes.plot(labels, p, color=_colour(generation), linewidth=1.1)
    axes.axvline(true, color="#444444", linestyle="--", linewidth=0.8)


def scatter(
    path: Path, true: NDArray[Any], estimated: NDArray[Any], mae: float, split: str
) -> None:
    """Estimated against true age, one dot a face.

    Args:
        path: the PNG to write.
        true: true ages in years, (N,).
        estimated: estimated ages in years, (N,).
        mae: their mean absolute error, years.
        split: which split, for the title.
    """
    with matplotlib.rc_context(STYLE):
        figure = _figure(4.0, 4.0)
        _scatter(figure.subplots(), true, estimated, mae, split)
        _save(figure, path)


def _scatter(
    axes: Axes, true: NDArray[Any], estimated: NDArray[Any], mae: float, split: str
) -> None:
    end = float(max(true.max(), estimated.max()))
    alpha = float(np.clip(200 / len(true), 0.08, 0.8))
    axes.scatter(true, estimated, s=9, alpha=alpha, color="#3d405b", linewidths=0)
    axes.plot([0, end], [0, end], color="#e07a5f", linewidth=1)
    axes.set(
        xlabel="true age (years)",
        ylabel="estimated age (years)",
        title=f"{split}: {counted(len(true), 'face')}, MAE {mae:.2f}",
        aspect="equal",
    )


def errors(
    path: Path,
    true: NDArray[Any],
    estimated: NDArray[Any],
    risks: NDArray[np.float64] | None,
    split: str,
) -> None:
    """Estimated against true age; beside it the error on the faces with the narrowest intervals.

    Args:
        path: the PNG to write.
        true: true ages in years, (N,).
        estimated: estimated ages in years, (N,).
        risks: (N,) the mean absolute error of the first 1, 2, ... of them, the surest first; None
            where nothing tells which are.
        split: which split, for the title.
    """
    mae = float(np.abs(estimated - true).mean())
    with matplotlib.rc_context(STYLE):
        figure = _figure(4.0 if risks is None else 8.0, 4.0)
        places = figure.subplots(1, 1 if risks is None else 2, squeeze=False)[0]
        _scatter(places[0], true, estimated, mae, split)
        if risks is not None:
            share = 100 * np.arange(1, len(risks) + 1) / len(risks)
            steady = share >= min(5.0, share[-1])  # the first few faces are one's luck
            places[1].plot(share[steady], risks[steady], color="#4f8a8b")
            style = {"linewidth": 0.8, "linestyle": "--", "label": f"all faces: {mae:.2f}"}
            places[1].axhline(mae, color="#e07a5f", **style)
            places[1].legend(loc="lower right")
            places[1].set(
                xlabel="faces answered, the narrowest intervals first (%)",
                ylabel="MAE (years)",
                title="Error on the faces it is surest of",
                xlim=(0, 100),
                ylim=(0, 1.1 * float(risks[steady].max()) or 1.0),
            )
        _save(figure, path)


def contact_sheet(
    path: Path, pictures: Sequence[NDArray[np.uint8]], titles: Sequence[str], names: Sequence[str]
) -> None:
    """Faces in a grid, six a row, each with its title above and its name below.

    Args:
        path: the PNG to write.
        pictures: at least one, (H, W, 3) uint8 each.
        titles: of each.
        names: of each; the ends of long ones are shown.
    """
    columns = min(_SHEET_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = _figure(1.8 * columns, 2.3 * rows)
        places = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in places:
            axes.set_axis_off()
        for axes, picture, title, name in zip(places, pictures, titles, names, strict=False):
            axes.imshow(picture)
            axes.set_title(title, fontsize=8)
            shown = name if len(name) <= _SHEET_NAME else f"…{name[1 - _SHEET_NAME :]}"
            axes.text(
                0.5,
                -0.03,
                shown,
                transform=axes.transAxes,
                ha="center",
                va="top",
                fontsize=6,
                parse_math=False,
            )
        _save(figure, path)
