"""Writing Parquet shards of faces, in the layout of the `datasets` library's images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from agekit.atomic import written, written_folder
from agekit.data.home import SHARD, locked
from agekit.data.manifest import Manifest
from agekit.errors import DataError

__all__ = ["Row", "ShardWriter", "check_place", "replacing"]

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


class ShardWriter:
    """Writes faces into Parquet files, in row groups of at most 256 faces or 8 MiB; a context.

    The files are named when the last one is written. The same rows give the same bytes.

    Args:
        place: an empty folder; of one file, the file.
        manifest: what the files say of themselves; its `rows` are replaced by each file's own.
        shard_bytes: size of a file beyond which the next one is begun; None writes one file.
    """

    def __init__(self, place: Path, manifest: Manifest, shard_bytes: int | None) -> None:
        self.place = place
        self.manifest = manifest
        self.shard_bytes = shard_bytes
        self.paths: list[Path] = []
        self._group_bytes = min(_GROUP_BYTES, shard_bytes or _GROUP_BYTES)
        self._buffer: list[Row] = []
        self._buffered = 0
        self._rows = 0
        self._file: BufferedWriter | None = None
        self._writer: Any = None

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None and self._writer is not None:
            with suppress(Exception):
                self._writer.close()
            self._writer.is_open = False
            with suppress(OSError):
                self._file.close()

    def add(self, row: Row) -> None:
        """Adds a face.

        Raises:
            OSError: it cannot be written.
        """
        size = len(row["image"]["bytes"])
        full = len(self._buffer) == _GROUP_ROWS or self._buffered + size > self._group_bytes
        if self._buffer and full:
            self._flush()
        self._buffer.append(row)
        self._buffered += size

    def close(self, name: str) -> list[Path]:
        """Ends the last file, and names the files of a folder.

        Args:
            name: what their names begin with.

        Returns:
            The files, of a folder ``<name>-00000-of-00003.parquet`` and so on.
        """
        self._flush()
        self._end()
        n = 0 if self.shard_bytes is None else len(self.paths)
        for k, path in enumerate(self.paths[:n]):
            self.paths[k] = path.rename(self.place / f"{name}-{k:05}-of-{n:05}{SHARD}")
        return self.paths

    def _flush(self) -> None:
        if not self._buffer:
            return
        there = 0 if self._file is None else self._file.tell()
        if there and self.shard_bytes is not None and there + self._buffered > self.shard_bytes:
            self._end()
        if self._file is None:
            one = self.shard_bytes is None
            path = self.place if one else self.place / f"{len(self.paths):05}"
            self._file = BufferedWriter(FileIO(path, "wb"))
            self._writer = pq.ParquetWriter(self._file, _SCHEMA, **_OPTIONS)
            self.paths.append(path)
        self._writer.write_table(pa.Table.from_pylist(self._buffer, schema=_SCHEMA))
        self._rows += len(self._buffer)
        self._buffer, self._buffered = [], 0

    def _end(self) -> None:
        if self._file is None:
            return
        manifest = self.manifest.model_copy(update={"rows": self._rows})
        self._writer.add_key_value_metadata({"agekit": manifest.model_dump_json()})
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file, self._writer, self._rows = None, None, 0


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
