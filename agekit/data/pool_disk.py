"""The files of the decode-once cache: what is appended, in which order, and read back."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from agekit.errors import DataError

__all__ = ["BAD", "DIGESTS", "PIXELS", "PoolWriter", "cache_error", "exclusive", "read_bad"]

PIXELS = "pixels.u8"
DIGESTS = "digests.bin"
BAD = "bad.jsonl"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_log = logging.getLogger(__name__)


class PoolWriter:
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
            if error.errno not in _FULL:
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


def read_bad(path: Path) -> dict[bytes, str]:
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


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock file `path`; says so when another process has to be waited for."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _log.warning("another process is filling %s; waiting for it", path.parent)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def cache_error(folder: Path, error: OSError) -> DataError:
    """What to tell of a cache that cannot be used."""
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
