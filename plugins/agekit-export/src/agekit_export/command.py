"""``agekit export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from agekit.cli.options import json_option, refuse
from agekit.cli.output import emit_json, only_json_on_stdout

if TYPE_CHECKING:
    from agekit_export.onnx import Exported

__all__ = ["export"]

MEGABYTE = 1_000_000
_OF_ONNX = ("to", "half", "int8", "calibrate", "root", "embeddings")


@click.command()
@click.argument("model")
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "timm"]),
    default="onnx",
    show_default=True,
    help="An ONNX file; or the backbone alone as a folder, which "
    "timm.create_model('local-dir:FOLDER', pretrained=True) loads.",
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
@click.option("--half", is_flag=True, help="Store the weights in half precision: half the size.")
@click.option(
    "--int8",
    is_flag=True,
    help="Compute convolutions with 8-bit integers: a quarter of the size, and quicker. Their "
    "ranges are taken from the faces of --calibrate; size, time and error are measured on others.",
)
@click.option(
    "--calibrate",
    metavar="DATASET|FOLDER",
    help="The faces for --int8: those of a dataset, whose ages tell the error too, or of the "
    "images in a folder.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Where that dataset lies; else $AGEKIT_DATA/<dataset>.",
)
@click.option("--embeddings", is_flag=True, help="Give the pooled features as an output too.")
@json_option
def export(
    model: str,
    form: Literal["onnx", "timm"],
    out: Path | None,
    half: bool,
    int8: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Export a model for use without torch.

    MODEL is a model or run folder, or whatever else names a model. Written are NAME.onnx, which
    takes pixels - uint8 (N, S, S, 3), RGB - and does all the rest itself, and NAME.json, which
    says how to use it. Of an ager they are NAME-old.onnx and NAME-young.onnx.

    The file is run beside torch on drawn faces first; should an age differ by more than 0.005
    years, nothing is written. With --half and --int8 they are NAME-half.onnx and NAME-int8.onnx,
    and how far ages move is told, and refused where it is too far. Use a file with `agekit predict
    --model NAME.onnx`, or anywhere ONNX runs.
    """
    _check(form, half, int8, options["calibrate"])
    if form == "timm":
        _export_timm(model, out, as_json)
        return
    with only_json_on_stdout(as_json):
        from agekit.extras import package_module
        from agekit.onnx.card import EXTRA

        for package in ("onnx", "onnxscript", "onnxruntime"):
            package_module(package, package, EXTRA)

        from agekit.onnx.program import OPSET
        from agekit_export.onnx import export_onnx

        precision: Any = "int8" if int8 else "float16" if half else "float32"
        files = export_onnx(model, out, precision=precision, **options)
    if as_json:
        emit_json({"model": model, "format": form, "opset": OPSET, "files": files})
        return
    for file in files:
        click.echo(f"{click.format_filename(file.onnx)}: {_about(file)}")
        click.echo(f"{click.format_filename(file.card)}: how to use it")


def _check(form: str, half: bool, int8: bool, calibrate: str | None) -> None:
    """Refuses options that do not go together."""
    if form == "timm":
        refuse("timm takes the backbone as it is", *_OF_ONNX)
    if half and int8:
        raise click.UsageError("--half and --int8 are two precisions: give one of them.")
    if int8 and calibrate is None:
        raise click.UsageError("--int8 needs faces to calibrate on: give --calibrate.")
    if not int8:
        refuse("only --int8 is calibrated", "calibrate", "root")


def _export_timm(model: str, out: Path | None, as_json: bool) -> None:
    with only_json_on_stdout(as_json):
        from agekit_export.timm import export_timm

        done = export_timm(model, out)
    if as_json:
        emit_json({"model": model, "format": "timm", "files": [done._asdict()]})
        return
    click.echo(
        f"{click.format_filename(done.folder)}: {done.architecture}, {done.features} features, "
        f"{done.size / MEGABYTE:.1f} MB; on drawn faces at most {done.difference:.1g} from torch"
    )


def _about(file: Exported) -> str:
    difference = next(iter(file.differences.values()))
    told = f"{file.size / MEGABYTE:.1f} MB; on drawn faces at most {difference:.1g} {file.unit} "
    steered = f"; steered by {file.guide} in `agekit age` alone" if file.guide else ""
    return f"{told}from torch{f'; {file.measured.text()}' if file.measured else ''}{steered}"
