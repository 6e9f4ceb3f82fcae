"""Writing Parquet shards of faces, in the layout of the `datasets` library's images."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from agekit.errors import DataError
from agekit.plugin import SHARD, Manifest, locked, written, written_folder

__all__ = ["Row", "check_place", "replacing", "write_shards"]

Row = dict[str, Any]
"""The columns of one face; the image as ``{"bytes": ..., "path": ...}``, what is unknown None."""

_GROUP_ROWS = 256
_GROUP_BYTES = 8 << 20
"""Row groups are small, as one is read whole for any of its images."""
_TYPES = {
    "age": "float32",
    "sigma": "float32",
    "identity": "int64",
    "gender": "string",
    "group": "string",
    "split": "string",
    "origin": "string",
}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEATURES = {
    "image": {"_type": "Image"},
    **{name: {"dtype": kind, "_type": "Value"} for name, kind in _TYPES.items()},
}
_SCHEMA = pa.schema(
    [("image", _IMAGE), *((name, pa.type_for_alias(kind)) for name, kind in _TYPES.items())],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
_OPTIONS = {
    "compression": {name: "ZSTD" for name in ("image.path", *_TYPES)} | {"image.bytes": "NONE"},
    "use_dictionary": ["gender", "group", "split"],
    "write_statistics": ["age", "sigma", "identity", "gender", "group", "split"],
    "write_page_checksum": True,
}


def write_shards(
    rows: Iterable[Row], place: Path, manifest: Manifest, name: str, shard_bytes: int | None
) -> list[Path]:
    """Writes faces into Parquet files, in row groups of at most 256 faces or 8 MiB.

    The same rows give the same bytes.

    Args:
        rows: the faces.
        place: an empty folder; of one file, the file.
        manifest: what the files say of themselves; its `rows` are replaced by each file's own.
        name: what the names of the files in a folder begin with.
        shard_bytes: size of a file beyond which the next one is begun; None writes one file.

    Returns:
        The files, in a folder ``<name>-00000-of-00003.parquet`` and so on.

    Raises:
        OSError: they cannot be written.
    """
    paths: list[Path] = []
    length = 0
    with ExitStack() as shard:
        for group, size in _groups(rows, min(_GROUP_BYTES, shard_bytes or _GROUP_BYTES)):
            if not paths or (shard_bytes is not None and length + size > shard_bytes):
                shard.close()
                paths.append(place if shard_bytes is None else place / f"{len(paths):05}")
                write = shard.enter_context(_shard(paths[-1], manifest))
            length = write(group)
    if shard_bytes is None:
        return paths
    names = [f"{name}-{k:05}-of-{len(paths):05}{SHARD}" for k in range(len(paths))]
    return [path.rename(place / name) for path, name in zip(paths, names, strict=True)]


def _groups(rows: Iterable[Row], most: int) -> Iterator[tuple[list[Row], int]]:
    """The rows of each row group, and how many bytes their images have."""
    group: list[Row] = []
    total = 0
    for row in rows:
        size = len(row["image"]["bytes"])
        if group and (len(group) == _GROUP_ROWS or total + size > most):
            yield group, total
            group, total = [], 0
        group.append(row)
        total += size
    if group:
        yield group, total


@contextmanager
def _shard(path: Path, manifest: Manifest) -> Iterator[Callable[[list[Row]], int]]:
    """One file; gives a function that writes a row group and returns the file's length so far."""
    with BufferedWriter(FileIO(path, "wb")) as file:
        writer = pq.ParquetWriter(file, _SCHEMA, **_OPTIONS)
        count = 0

        def write(group: list[Row]) -> int:
            nonlocal count
            writer.write_table(pa.Table.from_pylist(group, schema=_SCHEMA))
            count += len(group)
            return file.tell()

        try:
            yield write
            text = manifest.model_copy(update={"rows": count}).model_dump_json()
            writer.add_key_value_metadata({"agekit": text})
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        finally:
            # pyarrow would write the end of a broken file when the writer is collected.
            with suppress(Exception):
                writer.close()
            writer.is_open = False


def check_place(out: Path, *, force: bool) -> None:
    """Checks that shards may be written to a place: a file that ends in .parquet, or a folder.

    Raises:
        DataError: something is there that is not to be replaced.
    """
    if out.suffix == SHARD:
        if out.is_dir():
            raise DataError(f"{out}: is a folder", "name a file, or a folder without this ending")
        there, content = out.exists(), []
    else:
        if out.exists() and not out.is_dir():
            raise DataError(f"{out}: is a file", f"name a folder, or a file that ends in {SHARD}")
        content = sorted(out.iterdir()) if out.exists() else []
        if other := [p.name for p in content if p.suffix != SHARD or p.is_dir()]:
            raise DataError(
                f"{out}: holds other things than shards: {', '.join(other[:3])}",
                "name a folder of its own for the shards",
            )
        there = bool(content)
    if there and not force:
        raise DataError(f"{out}: is already there", "pass --force to replace it")
    for path in [out] if out.is_file() else content if there else ():
        if not _is_packed(path):
            raise DataError(
                f"{path}: is not one of agekit's shards, and is not replaced",
                "move it away, or write elsewhere",
            )


def _is_packed(path: Path) -> bool:
    try:
        return b"agekit" in (pq.read_metadata(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Gives a place beside `out` for what becomes `out` when the block ends well.

    That is a file where `out` ends in .parquet, else an empty folder. A block that raises leaves
    `out` as it was and nothing beside it; what a killed process left is cleaned up.

    Raises:
        DataError: another process is writing to the same place.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    lock = out.with_name(f".{out.name}.agekit-lock")
    with locked(lock, DataError(f"{out}: another process is writing it")):
        try:
            with written(out) if out.suffix == SHARD else written_folder(out) as aside:
                yield aside
        finally:
            lock.unlink(missing_ok=True)
