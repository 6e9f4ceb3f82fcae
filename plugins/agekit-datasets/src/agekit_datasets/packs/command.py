"""`agekit data pack`: a dataset as a few Parquet files."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agekit.cli.dataset_options import columns_option, root_option
from agekit.cli.options import json_option
from agekit.cli.output import console, emit_json, only_json_on_stdout, print_table
from agekit.errors import ConfigError, counted
from agekit.plugin import SHARD, ProgressBar
from agekit_datasets.encode import Encoding, Format

if TYPE_CHECKING:
    from agekit_datasets.packs.pack import Packed

__all__ = ["pack"]

_SHOWN = 20
_BYTES = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[kmg]?)(?P<binary>i?)b?", re.IGNORECASE)


def _parse_bytes(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | None:
    if value is None:
        return None
    match = _BYTES.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is no size such as 256MB, 1.5GB or 500MiB.")
    base = 1024 if match["binary"] else 1000
    size: int = round(float(match["number"]) * base ** " kmg".index(match["unit"].lower() or " "))
    if size < 100_000:
        raise click.BadParameter(f"{value!r} is less than 100 kB.")
    return size


@click.command(short_help="Pack into Parquet shards.")
@click.argument("dataset")
@root_option
@columns_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.parquet|FOLDER",
    help="One file, or a folder of shards.",
)
@click.option("--size", type=click.IntRange(8, 4096), help="Side in pixels to scale to.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jpeg", "png", "webp"]),
    help="Encode anew; webp if only --size is given.",
)
@click.option(
    "--quality", type=click.IntRange(1, 100), help="Of the encoding; else webp 82, jpeg 90."
)
@click.option(
    "--shard-size",
    callback=_parse_bytes,
    metavar="BYTES",
    help="Size of the shards of a folder, such as 500MB; else 256MB.",
)
@click.option("--workers", type=click.IntRange(1), help="Threads; else one a processor.")
@click.option("--force", is_flag=True, help="Replace the shards that are there.")
@json_option
def pack(
    dataset: str,
    root: Path | None,
    columns: dict[str, str],
    out: Path,
    size: int | None,
    format_: Format | None,
    quality: int | None,
    shard_size: int | None,
    workers: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Pack the faces of DATASET into Parquet shards.

    They open with the `datasets` library, and agekit trains straight from them: pass the file or
    the folder as --root of the same dataset. Faces are split as in the dataset itself. Without
    --size and --format the images are packed as they are. What cannot be decoded is listed and
    left out.
    """
    from agekit_datasets.packs.pack import SHARD_BYTES, Packing
    from agekit_datasets.packs.pack import pack as write

    if shard_size is not None and out.suffix == SHARD:
        raise click.UsageError("--shard-size is for a folder of shards; --out names one file")
    try:
        encoding = Encoding.choose(size, format_, quality)
    except ConfigError as error:
        raise click.UsageError(error.message) from None
    began = time.perf_counter()
    with only_json_on_stdout(as_json), ProgressBar(console(), "images") as progress:
        packed = write(
            dataset,
            out,
            root=root,
            columns=columns,
            packing=Packing(encoding, shard_size or SHARD_BYTES, workers),
            force=force,
            progress=progress.at,
        )
    seconds = time.perf_counter() - began
    if as_json:
        emit_json(_document(packed, out, seconds))
    else:
        _print(packed, out, seconds)


def _document(packed: Packed, out: Path, seconds: float) -> dict[str, object]:
    encoding = packed.encoding
    return {
        "dataset": packed.dataset,
        "out": out,
        "files": packed.files,
        "n": packed.n,
        "bytes": packed.bytes,
        "size": encoding and encoding.size,
        "format": encoding and encoding.format,
        "quality": encoding and encoding.quality,
        "seconds": round(seconds, 3),
        "left_out": [{"name": p.name, "reason": p.detail} for p in packed.left_out],
        "problems": [{"kind": k, "count": n} for k, n in _kinds(packed).items()],
    }


def _print(packed: Packed, out: Path, seconds: float) -> None:
    click.echo(
        f"packed {counted(packed.n, 'face')} of {packed.dataset} into {out}: "
        f"{packed.bytes / 1e6:,.1f} MB in {counted(len(packed.files), 'file')}, "
        f"{packed.n / seconds:,.0f} faces a second"
    )
    if problems := _kinds(packed):
        told = ", ".join(f"{kind} {count:,}" for kind, count in problems.items())
        click.echo(f"not or only in part read: {told}; see agekit data check {packed.dataset}")
    if packed.left_out:
        title = f"left out, cannot be decoded: {len(packed.left_out):,}"
        rows = [[p.name, p.detail] for p in packed.left_out[:_SHOWN]]
        print_table(["image", "reason"], rows, title=title)
        if len(packed.left_out) > _SHOWN:
            click.echo(f"... and {len(packed.left_out) - _SHOWN:,} more; --json lists all")


def _kinds(packed: Packed) -> dict[str, int]:
    return dict(sorted(Counter(p.kind for p in packed.problems).items()))
