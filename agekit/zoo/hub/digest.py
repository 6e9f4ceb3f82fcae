"""SHA-256 of files, remembered for as long as a file is not touched."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from agekit.atomic import write_text
from agekit.data.home import cache_home

__all__ = ["remembered_sha256"]

SETTLED_NS = 50_000_000
"""Age of a change, nanoseconds, from which another one cannot have the same time."""


def remembered_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal; read only if the file is new or was touched.

    It is remembered in the cache by place, inode, size, and the times of the last change of the
    contents and of the inode. The latter no program can set, so that a change is noticed whatever
    its author did to hide it.

    Raises:
        OSError: the file cannot be read.
    """
    place = os.path.realpath(path)
    name = hashlib.blake2b(os.fsencode(place), digest_size=16).hexdigest()
    memory = cache_home() / "verified" / f"{name}.json"
    known = _load(memory)
    if known.get("state") == _state(os.stat(place)) and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    with open(place, "rb") as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(file.fileno())
    changed = max(after.st_mtime_ns, after.st_ctime_ns)
    if _state(before) == _state(after) and time.time_ns() - changed > SETTLED_NS:
        document = {"path": place, "state": _state(after), "sha256": digest}
        with suppress(OSError):
            write_text(memory, json.dumps(document))
    return digest


def _state(status: os.stat_result) -> list[int]:
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _load(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
