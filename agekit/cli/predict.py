"""``agekit predict``."""

from __future__ import annotations

from pathlib import Path

import click

from agekit.cli._output import device_option, emit_json, json_option, only_json_on_stdout

__all__ = ["predict"]


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--model", required=True, help="A model folder or a run folder.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the faces with their ages and distributions to this PNG.",
)
@device_option
@json_option
def predict(
    images: tuple[str, ...], model: str, plot: Path | None, device: str, as_json: bool
) -> None:
    """Predict the age of the face in each IMAGE (a face chip).

    Exits with 1 if an image cannot be read; the others are answered all the same.
    """
    from agekit.zoo.predictor import load

    with only_json_on_stdout(as_json):
        predictor = load(model, device)
        predictions = predictor.predict(images)
    if as_json:
        emit_json([prediction.to_json() for prediction in predictions])
    else:
        for prediction in predictions:
            for face in prediction.faces:
                low, high = face.interval
                click.echo(f"{prediction.path}: {face.age:.1f} years ({low:.0f}-{high:.0f})")
            if prediction.error is not None:
                click.echo(f"error: {prediction.error}", err=True)
    if plot is not None and any(prediction.faces for prediction in predictions):
        from agekit.zoo.plot import plot_predictions

        plot_predictions(plot, predictions)
    if any(prediction.error is not None for prediction in predictions):
        raise click.exceptions.Exit(1)
