"""Digests of files, remembered in the cache for as long as the files are not touched."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from agekit.data.home import cache_home, locked

__all__ = ["DigestMemory", "hash_file", "remembered_hash"]

KEY = 16
"""Bytes of a key."""
_SETTLED_NS = 2_000_000_000
"""Age of a change from which another one cannot have the same time, on any file system."""
_EXACT_SETTLED_NS = 50_000_000
"""The same where the time of the inode's change is looked at, which the kernel sets."""


class DigestMemory:
    """Records of a key and of what is remembered by it, appended to one file of the cache.

    Args:
        name: of the memory.
        width: bytes of what is remembered by each key.
    """

    def __init__(self, name: str, width: int) -> None:
        self.path = cache_home() / "digests" / f"{name}.bin"
        self.width = width

    def load(self) -> dict[bytes, bytes]:
        """The remembered hashes, by key; a torn last record is left out."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return {}
        record = KEY + self.width
        starts = range(0, len(data) - record + 1, record)
        return {data[k : k + KEY]: data[k + KEY : k + record] for k in starts}

    def append(self, records: bytes) -> None:
        """Adds whole records; a cache that cannot be written is no error, only slower."""
        record = KEY + self.width
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path.with_suffix(".lock")), open(self.path, "ab") as file:
                file.truncate(os.fstat(file.fileno()).st_size // record * record)
                file.write(records)

    @staticmethod
    def key(name: str, status: os.stat_result, *, exact: bool = False) -> bytes | None:
        """The key of a file as it is now; None if it changed so lately that a change could hide.

        Args:
            name: what distinguishes the file, or what is taken from it, from others of a memory.
            status: of the file.
            exact: look at the inode too, and the time of its change, which no program can set: a
                change is noticed whatever its author did to hide it, but a copy is another file.
        """
        times = [status.st_mtime_ns, *([status.st_ctime_ns] if exact else [])]
        if time.time_ns() - max(times) < (_EXACT_SETTLED_NS if exact else _SETTLED_NS):
            return None
        numbers = [status.st_size, *times, *([status.st_ino] if exact else [])]
        text = "\0".join([name, *map(str, numbers)])
        return hashlib.blake2b(os.fsencode(text), digest_size=KEY).digest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_hash(path: Path) -> str:
    """As `hash_file`; the file is read only if it is new or was touched.

    Raises:
        OSError: the file cannot be read.
    """
    place = os.path.realpath(path)
    memory = DigestMemory("sha256", 32)
    key = memory.key(place, os.stat(place), exact=True)
    if key is not None and (known := memory.load().get(key)) is not None:
        return known.hex()
    with open(place, "rb") as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").digest()
        after = os.fstat(file.fileno())
    key = memory.key(place, after, exact=True)
    if key is not None and key == memory.key(place, before, exact=True):
        memory.append(key + digest)
    return digest.hex()
