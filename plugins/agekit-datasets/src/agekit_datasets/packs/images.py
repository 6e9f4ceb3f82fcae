"""Images that lie in Parquet shards, known by their content."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import DigestMemory, EncodedImages

__all__ = ["ImageColumn", "Shards", "reading"]

_CACHE_BYTES = 128 << 20
"""Of row groups in memory: rows are read in order, but by several threads at once."""
_BATCH_ROWS = 64


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises damage that pyarrow finds in a file as a DataError; an OSError names the file."""
    try:
        yield
    except pa.ArrowException as error:
        raise _damaged(path, error) from None
    except OSError as error:
        if error.errno is None:
            raise _damaged(path, error) from None
        error.filename = str(path)
        raise


@dataclass(frozen=True)
class ImageColumn:
    """The images of one Parquet file.

    Attributes:
        path: the file.
        leaf: the Parquet column of the encoded images, as in ``image.bytes``.
        ends: (G,) the number of rows up to the end of each row group.
    """

    path: Path
    leaf: str
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of rows."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def group(self, g: int) -> Any:
        """The images of row group `g`, a chunked array of binary.

        Raises:
            DataError: the file is damaged.
            OSError: it cannot be read.
        """
        with reading(self.path):
            return self._bytes(self._open().read_row_group(g, columns=[self.leaf])[0])

    def parts(self, groups: Sequence[int] | None = None) -> Iterator[Any]:
        """The images of all row groups, or of `groups`, a few at a time; errors as of `group`."""
        with reading(self.path):
            for batch in self._open().iter_batches(
                _BATCH_ROWS, row_groups=groups, columns=[self.leaf], use_threads=False
            ):
                yield self._bytes(batch[0])

    def _open(self) -> Any:
        return pq.ParquetFile(
            self.path, memory_map=True, pre_buffer=False, page_checksum_verification=True
        )

    def _bytes(self, column: Any) -> Any:
        return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column


class Shards(EncodedImages):
    """The images of rows of Parquet files.

    An image's digest is the BLAKE2b-128 of its bytes; those of a file are remembered in the cache
    as long as its path, size and modification time stay. Row groups that were read are kept for
    their next rows, up to 128 MiB of them.

    Args:
        columns: one of each file.
        names: the name of each row of all files, one file after the other.
        rows: the rows to show; all if left out.
    """

    def __init__(
        self,
        columns: Sequence[ImageColumn],
        names: Any,
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        self._store = _Store(tuple(columns))
        self._names = names
        self.rows = np.arange(len(names)) if rows is None else rows

    def __len__(self) -> int:
        """The number of images."""
        return len(self.rows)

    def name(self, i: int) -> str:
        """The name that the file gives the image, else the file and the row."""
        return str(self._names[int(self.rows[i])].as_py())

    def read(self, i: int) -> bytes:
        """The bytes of the encoded image `i`; see `EncodedImages.read`."""
        data = self._store.read(int(self.rows[i]))
        if data is None:
            raise DataError(f"{self.name(i)}: only named, the image itself is not in the shard")
        return data

    def take(self, index: NDArray[np.int64]) -> Self:
        """The images of `index`, in that order."""
        part = copy(self)
        part.rows = self.rows[index]
        return part

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes; reads the files not seen before.

        Raises:
            DataError: a file is damaged.
            OSError: a file cannot be read.
        """
        return self._store.digests()[self.rows]


class _Store:
    """Reads row groups of several files and keeps the last ones; safe in threads.

    Args:
        columns: one of each file.
    """

    def __init__(self, columns: tuple[ImageColumn, ...]) -> None:
        self.columns = columns
        self._ends = np.cumsum([len(c) for c in columns], dtype=np.int64)
        self._digests: NDArray[np.uint8] | None = None
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._held = 0

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_lock", "_groups", "_held")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def read(self, row: int) -> bytes | None:
        """The bytes of a row, None where the file has none."""
        shard = int(np.searchsorted(self._ends, row, "right"))
        column = self.columns[shard]
        row -= int(self._ends[shard]) - len(column)
        g = int(np.searchsorted(column.ends, row, "right"))
        row -= int(column.ends[g - 1]) if g else 0
        with self._lock:
            value: bytes | None = self._group(shard, g)[row].as_py()
        return value

    def _group(self, shard: int, g: int) -> Any:
        key = shard, g
        if key in self._groups:
            self._groups.move_to_end(key)
        else:
            self._groups[key] = self.columns[shard].group(g)
            self._held += self._groups[key].nbytes
            while self._held > _CACHE_BYTES and len(self._groups) > 2:
                self._held -= self._groups.popitem(last=False)[1].nbytes
        return self._groups[key]

    def digests(self) -> NDArray[np.uint8]:
        """Those of every row of every file, (N, 16)."""
        if self._digests is None:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                self._digests = np.concatenate([*threads.map(_digests, self.columns)])
        return self._digests


def _digests(column: ImageColumn) -> NDArray[np.uint8]:
    """Those of one file, from the memory where it has not changed since."""
    with reading(column.path):
        status = os.stat(column.path)
    place = os.path.realpath(column.path)
    name = hashlib.blake2b(os.fsencode(place), digest_size=8).hexdigest()
    memory = DigestMemory(f"shard-{name}", 16 * len(column))
    key = memory.key(column.leaf, status)
    found = None if key is None else memory.load().get(key)
    if found is None:
        found = b"".join(
            hashlib.blake2b(value.as_buffer() or b"", digest_size=16).digest()
            for part in column.parts()
            for value in part
        )
        if key is not None:
            memory.append(key + found)
    return np.frombuffer(found, np.uint8).reshape(-1, 16)


def _damaged(path: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{path}: not a Parquet file, or damaged: {reason}", "fetch or pack it again")
