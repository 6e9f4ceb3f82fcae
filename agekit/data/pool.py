"""The decode-once cache: every image of one size, decoded, in one memory-mapped file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agekit.atomic import DISK_FULL
from agekit.data.decode import DECODE_VERSION, in_threads, unusable
from agekit.data.home import cache_home, locked
from agekit.data.table import ImageSource, Problem, as_strings
from agekit.errors import DataError

__all__ = ["BAD", "DIGESTS", "PIXELS", "FacePool", "Progress"]

Progress = Callable[[int, int], None]

PIXELS = "pixels.u8"
DIGESTS = "digests.bin"
BAD = "bad.jsonl"

_CHUNK_ROWS = 1024
_CHUNK_BYTES = 64 << 20
"""A chunk is at most as much: it waits in memory, and is lost when the process is killed."""


class FacePool:
    """A content-addressed pool of square images of one size.

    On disk: ``pixels.u8``, slot i at byte ``i * size * size * 3``; ``digests.bin``, 16 bytes a
    slot; ``bad.jsonl``, the digests of images that cannot be decoded, with the reason. A chunk's
    pixels are on the disk before its digests are, and what goes beyond the digests is ignored:
    a process killed at any moment loses at most the chunk it was at. One process builds at a time.

    Args:
        folder: where it lies.
        size: side of the images in pixels.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self._load()

    @classmethod
    def open(cls, size: int) -> FacePool:
        """The pool of `size` in the cache, made if it is not there.

        Raises:
            DataError: the cache cannot be written or read.
        """
        folder = cache_home() / "faces" / f"{size}-v{DECODE_VERSION}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return cls(folder, size)
        except OSError as error:
            raise _cache_error(folder, error) from None

    @property
    def slot_bytes(self) -> int:
        """Bytes of one image."""
        return self.size * self.size * 3

    def __len__(self) -> int:
        """The number of images M in the pool."""
        return len(self._sorted)

    @property
    def images(self) -> NDArray[np.uint8]:
        """(M, size, size, 3) RGB, mapped read-only from the disk."""
        shape = (len(self), self.size, self.size, 3)
        if not len(self):
            return np.empty(shape, np.uint8)
        return np.memmap(self.folder / PIXELS, np.uint8, "r", shape=shape)

    def slots(self, source: ImageSource, progress: Progress | None = None) -> NDArray[np.int64]:
        """The slot of every image of `source`, decoding those that are not in the pool.

        Args:
            source: N images.
            progress: called with the number of images done and to do, if any are to be decoded.

        Returns:
            (N,) int64, -1 for images that cannot be decoded.

        Raises:
            DataError: the disk is full or the cache cannot be written; the pool stays valid.
        """
        keys = as_strings(source.digests())
        if len(self._missing(keys)):
            try:
                with locked(self.folder / "lock"):
                    self._load()
                    unread = self._build(source, keys, self._missing(keys), progress)
                    self._load()
                    self._unread.update(unread)
            except OSError as error:
                raise _cache_error(self.folder, error) from None
        return self._find(keys)

    def problems(self, source: ImageSource, slots: NDArray[np.int64]) -> list[Problem]:
        """The images of `source` that have no slot, with the reason."""
        lost = np.flatnonzero(slots < 0)
        keys = [digest.tobytes() for digest in source.digests()[lost]]
        reasons = [self._bad.get(k) or self._unread.get(k) or "not in the cache" for k in keys]
        return [
            Problem("image", source.name(int(i)), reason)
            for i, reason in zip(lost, reasons, strict=True)
        ]

    def _load(self) -> None:
        digests, pixels = self.folder / DIGESTS, self.folder / PIXELS
        known = digests.read_bytes() if digests.exists() else b""
        whole = pixels.stat().st_size // self.slot_bytes if pixels.exists() else 0
        count = min(len(known) // 16, whole)
        keys = as_strings(np.frombuffer(known, np.uint8, count * 16).reshape(-1, 16))
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        self._bad = _read_bad(self.folder / BAD)
        self._unread = dict[bytes, str]()

    def _find(self, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
        if not len(self):
            return np.full(len(keys), -1, np.int64)
        at = np.searchsorted(self._sorted, keys).clip(max=len(self) - 1)
        return np.where(self._sorted[at] == keys, self._order[at], -1).astype(np.int64)

    def _missing(self, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """The first row of every digest that is neither in the pool nor known to be bad."""
        unknown = np.flatnonzero(self._find(keys) < 0)
        if self._bad:
            bad = np.array(list(self._bad), "S16")
            unknown = unknown[~np.isin(keys[unknown], bad)]
        first = np.unique(keys[unknown], return_index=True)[1]
        return np.sort(unknown[first])

    def _build(
        self,
        source: ImageSource,
        keys: NDArray[np.bytes_],
        rows: NDArray[np.int64],
        progress: Progress | None,
    ) -> dict[bytes, str]:
        """Decodes and appends `rows`; returns the reasons of those that could not be read."""
        unread: dict[bytes, str] = {}
        step = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // self.slot_bytes))

        def decode(row: np.int64) -> NDArray[np.uint8]:
            return source.decode(int(row), self.size)

        with (
            closing(in_threads(decode, rows, ahead=step)) as futures,
            _Writer(self.folder, self.slot_bytes, len(self)) as writer,
        ):
            for start in range(0, len(rows), step):
                chunk = rows[start : start + step]
                images: list[NDArray[np.uint8]] = []
                digests: list[bytes] = []
                bad: dict[bytes, str] = {}
                for i, future in zip(chunk, futures, strict=False):
                    key = keys[i].ljust(16, b"\0")
                    try:
                        images.append(future.result())
                        digests.append(key)
                    except (DataError, OSError) as error:
                        lost = bad if isinstance(error, DataError) else unread
                        lost[key] = unusable(error, source.name(int(i)))
                writer.append(images, digests, bad, len(rows) - start)
                if progress is not None:
                    progress(start + len(chunk), len(rows))
        return unread


class _Writer:
    """Appends chunks of slots to a pool; to be used by the holder of its lock, as a context.

    Entering cuts off what a killed process left beyond the last whole slot.

    Args:
        folder: the pool's folder.
        slot_bytes: bytes of one image.
        count: the number of whole slots there are.
    """

    def __init__(self, folder: Path, slot_bytes: int, count: int) -> None:
        self.folder = folder
        self.slot_bytes = slot_bytes
        self.count = count

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._pixels = stack.enter_context(_open(self.folder / PIXELS))
            self._digests = stack.enter_context(_open(self.folder / DIGESTS))
            self._bad = stack.enter_context(_open(self.folder / BAD))
            self._cut()
            self._files = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def append(
        self,
        images: Sequence[NDArray[np.uint8]],
        digests: Sequence[bytes],
        bad: Mapping[bytes, str],
        to_come: int,
    ) -> None:
        """Adds a chunk: the pixels reach the disk before the digests that vouch for them.

        Args:
            images: one array of `slot_bytes` each.
            digests: their keys, 16 bytes each.
            bad: key to reason, of images that cannot be decoded.
            to_come: how many images this chunk and those after it have, for the message.

        Raises:
            DataError: the disk is full; the pool is as it was.
        """
        lines = (json.dumps({"digest": k.hex(), "reason": v}) + "\n" for k, v in bad.items())
        try:
            if images:
                _write(self._pixels, self.count * self.slot_bytes, b"".join(i.data for i in images))
                _write(self._digests, self.count * 16, b"".join(digests))
            if bad:
                _write(self._bad, self._bad.seek(0, os.SEEK_END), "".join(lines).encode())
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            self._cut()
            raise DataError(
                f"no room for the image cache: {to_come * self.slot_bytes} more bytes are needed "
                f"in {self.folder} ({error.strerror})",
                "free some space, or set AGEKIT_CACHE to a folder on a larger disk",
            ) from None
        self.count += len(images)

    def _cut(self) -> None:
        self._pixels.truncate(self.count * self.slot_bytes)
        self._digests.truncate(self.count * 16)
        self._bad.seek(0)
        self._bad.truncate(self._bad.read().rfind(b"\n") + 1)


def _read_bad(path: Path) -> dict[bytes, str]:
    """The digests of images known not to decode, and why; lines that are torn are left out."""
    bad: dict[bytes, str] = {}
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                bad[bytes.fromhex(entry["digest"])] = str(entry["reason"])
            except (ValueError, KeyError, TypeError):
                continue
    return bad


def _cache_error(folder: Path, error: OSError) -> DataError:
    """The error for a cache that cannot be used."""
    return DataError(
        f"the image cache {folder} cannot be used: {error.strerror or error}",
        "set AGEKIT_CACHE to a folder you can write to",
    )


def _open(path: Path) -> FileIO:
    path.touch()
    return FileIO(path, "r+")


def _write(file: FileIO, offset: int, data: bytes) -> None:
    file.seek(offset)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())
