"""``agekit lr-find``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.options import FloatRange, check_png, json_option
from agekit.cli.output import emit_json, only_json_on_stdout
from agekit.errors import TrainingError
from agekit.extras import require
from agekit_search.options import training_options

if TYPE_CHECKING:
    from agekit_search.range_test import Curve

__all__ = ["find_rate", "lr_find"]

_EPOCHS = 100_000
"""More than any test makes."""


@click.command("lr-find")
@click.option(
    "--low",
    type=FloatRange(0, min_open=True),
    default=1e-6,
    show_default=True,
    metavar="RATE",
    help="The rate of the first step.",
)
@click.option(
    "--high",
    type=FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="RATE",
    help="The rate of the last step.",
)
@click.option(
    "--steps",
    type=click.IntRange(10),
    default=200,
    show_default=True,
    help="How many, each of one batch.",
)
@click.option(
    "--plot", callback=check_png, metavar="FILE.png", help="Draw the losses by the rates."
)
@training_options
@json_option
def lr_find(recipe: str, dataset: str, plot: Path | None, as_json: bool, **options: Any) -> None:
    """Find a learning rate for RECIPE on DATASET.

    RECIPE and DATASET are those of `agekit train`. The rate rises from step to step while the
    recipe trains; told are a rate to begin with, where the loss falls fastest but at most a tenth
    of that of the least loss, and the latter, which is too high. Nothing is kept of the training.
    """
    if not options["low"] < options["high"]:
        raise click.UsageError("--low is to be below --high.")
    require("train", "training")
    with only_json_on_stdout(as_json):
        curve = find_rate(recipe, dataset, **options)
        begin, least = curve.best()
        if plot is not None:
            from agekit_search.picture import draw_curve

            draw_curve(plot, curve, begin, least)
    if as_json:
        steps = [
            {"lr": rate, "loss": loss} for rate, loss in zip(curve.rates, curve.losses, strict=True)
        ]
        emit_json({"lr": begin, "least": least, "steps": steps})
        return
    click.echo(f"learning rate {begin:.2g} to begin with; the loss is least at {least:.2g}")
    click.echo(f"--set train.optimizer.lr={begin:.2g}")


def find_rate(
    recipe: str,
    dataset: str,
    *,
    settings: tuple[str, ...],
    low: float,
    high: float,
    steps: int,
    **options: Any,
) -> Curve:
    """Trains as `agekit.train` does, until the curve is known.

    Args:
        recipe: see `agekit.train`.
        dataset: likewise.
        settings: overrides of the recipe; its schedule and hooks are those of the test.
        low: the rate of the first step.
        high: that of the last one.
        steps: how many.
        **options: of `agekit.train`.

    Raises:
        TrainingError: the recipe trains nothing step by step.
    """
    from agekit.training.train import train
    from agekit_search.range_test import Enough

    test = f"{{type: lr-range-test, low: {low:.12e}, high: {high:.12e}, steps: {steps}}}"
    mine = ["train.schedule={type: constant}", f"train.hooks=[{test}]"]
    with TemporaryDirectory(prefix="agekit-lr-find-") as folder:
        out = Path(folder, "run")
        overrides = [*settings, *mine]
        try:
            train(
                recipe,
                dataset,
                overrides=overrides,
                epochs=_EPOCHS,
                out=out,
                console=None,
                **options,
            )
        except Enough as done:
            return done.curve
    raise TrainingError(f"{recipe} trains nothing step by step: it has no learning rate to find")
