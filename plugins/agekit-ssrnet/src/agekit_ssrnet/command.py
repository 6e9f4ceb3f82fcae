"""``agekit convert`` of Keras's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agekit.cli.convert import Converter
from agekit.cli.options import FloatRange, json_option
from agekit.cli.output import emit_json, only_json_on_stdout
from agekit.errors import counted
from agekit_ssrnet.h5 import is_hdf5

__all__ = ["convert"]


@click.command("keras", cls=Converter, reads=is_hdf5)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder for the result."
)
@click.option("--name", help="Of the model; else that of SOURCE.")
@click.option(
    "--size",
    type=click.IntRange(16, 1024),
    help="Side of its images, in pixels; else what its name says, or 64.",
)
@click.option(
    "--margin",
    type=FloatRange(-0.5, 4, min_open=True),
    help="The faces it was trained on were aligned, with this share of the frame's side around "
    "them; else chips are taken as they are.",
)
@json_option
def convert(source: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Convert the weights that SSR-Net's authors published, .h5 files of Keras.

    SOURCE is a file of SSR-Net, or of the MobileNet or the DenseNet beside it, with its weights or
    the whole model. Only tensors are read, by h5py; every layer is checked, and what belongs to
    none is refused by name.
    """
    from agekit_ssrnet.convert import import_keras

    with only_json_on_stdout(as_json):
        config = import_keras(source, out, **options)
    backbone = config.backbone.model_dump()  # type: ignore[attr-defined]
    if as_json:
        answer = {"sources": [source], "output": out, "to": "agekit", "name": config.name}
        answer |= {"backbone": backbone, "size": config.image.size, "parameters": config.parameters}
        emit_json(answer)
        return
    text = f"{backbone['type']}, {counted(config.parameters, 'parameter')}"
    click.echo(f"{click.format_filename(source)} -> {click.format_filename(out)}: {text}")
