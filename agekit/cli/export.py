"""``agekit export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json, only_json_on_stdout

if TYPE_CHECKING:
    from agekit.export.onnx import Exported

__all__ = ["export"]

MEGABYTE = 1_000_000


@click.command()
@click.argument("model")
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx"]),
    default="onnx",
    show_default=True,
    help="Into what.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The .onnx file to write, or a folder; else the model's name in the current folder.",
)
@click.option(
    "--to",
    type=click.Choice(["old", "young"]),
    help="Which direction of an ager; else both, a file each.",
)
@json_option
def export(
    model: str,
    form: Literal["onnx"],
    out: Path | None,
    to: Literal["old", "young"] | None,
    as_json: bool,
) -> None:
    """Export a model for use without torch.

    MODEL is a model or run folder, or whatever else names a model. Written are NAME.onnx, which
    takes pixels - uint8 (N, S, S, 3), RGB - and does all the rest itself, and NAME.json, which
    says how to use it. Of an ager they are NAME-old.onnx and NAME-young.onnx.

    The file is run beside torch on drawn faces first; should an age differ by more than 0.001
    years, nothing is written. Use it with `agekit predict --model NAME.onnx`, or anywhere ONNX
    runs.
    """
    with only_json_on_stdout(as_json):
        from agekit.export.onnx import export_onnx
        from agekit.onnx.program import OPSET

        files = export_onnx(model, out, to)
    if as_json:
        emit_json({"model": model, "format": form, "opset": OPSET, "files": files})
        return
    for file in files:
        click.echo(f"{click.format_filename(file.onnx)}: {_about(file)}")
        click.echo(f"{click.format_filename(file.card)}: how to use it")


def _about(file: Exported) -> str:
    difference = next(iter(file.differences.values()))
    return (
        f"{file.size / MEGABYTE:.1f} MB; on drawn faces at most {difference:.1g} {file.unit} "
        "from torch"
    )
