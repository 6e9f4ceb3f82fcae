"""``agekit zoo add``: a model written for an index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json, only_json_on_stdout

__all__ = ["add"]


@click.command()
@click.argument("model")
@click.option("--name", required=True, help="What it is to be called.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder of an index."
)
@click.option("--half", is_flag=True, help="Store the weights in half precision.")
@click.option("--description", help="One line; else one is made of the configuration.")
@click.option("--licence", help="Of the weights; else that of the data it was trained on.")
@click.option("--default", is_flag=True, help="Use it where no model of its task is named.")
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    help="What `agekit evaluate MODEL DATASET --json` printed, for the card: of an ager; or of an "
    "estimator on the data of its training, in place of what that measured.",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@json_option
def add(model: str, name: str, out: Path, as_json: bool, **options: Any) -> None:
    """Write a model and its entry for an index, to be reviewed.

    MODEL is a model or run folder. OUT/NAME/ becomes the model folder and OUT/NAME.json the entry
    with size and SHA-256 of each file, metrics, licence, and the output for a fixed input. A
    folder like this serves as $AGEKIT_ZOO, or in a plugin, which names it in an entry point.
    """
    from agekit.registry import TASKS
    from agekit_publish.add import add_model

    with only_json_on_stdout(as_json):
        done = add_model(model, out, name, **options)
    if as_json:
        answer = {"name": name, "entry": done.path, "folder": done.folder}
        emit_json(answer | {"bytes": done.entry.bytes, "change": done.change})
        return
    click.echo(f"{done.path}: {done.entry.bytes / 1e6:.1f} MB in {done.folder}")
    if options["half"]:
        unit = TASKS.get(done.entry.task).unit
        click.echo(f"half precision changes the fixed input's output by {done.change:.2g} {unit}")
    if done.entry.licence == "unknown":
        click.echo("note: the licence is unknown; give --licence", err=True)
