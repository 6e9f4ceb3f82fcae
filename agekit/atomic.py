"""Files and folders that appear whole or not at all: written aside, flushed, then renamed.

What is aside has a name that nothing else has and that tells whose it is: the machine, the process,
its start. So what a killed process left is known for what it is, and nothing else is ever removed.
"""

from __future__ import annotations

import errno
import itertools
import os
import platform
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

__all__ = [
    "DISK_FULL",
    "aside_of",
    "is_aside",
    "make_folders",
    "remove_folders",
    "sweep",
    "write_bytes",
    "write_from_memory",
    "write_text",
    "written",
    "written_folder",
]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The numbers of the errors of a disk that takes no more."""

_ASIDE = re.compile(r"\.agekit-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>[0-9a-f]{8})-\d+\.part")
_HOST = blake2b(platform.node().encode(), digest_size=4).hexdigest()
_START = secrets.token_hex(4)
_count = itertools.count()
_swept: set[Path] = set()


def aside_of(path: Path) -> Path:
    """A free path beside `path`, for what is to become it.

    The first time in a folder, what killed processes left aside in it is removed.
    """
    folder = path.parent
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)
    return folder / f".agekit-{_HOST}-{os.getpid()}-{_START}-{next(_count)}.part"


def is_aside(name: str) -> bool:
    """True if a file or folder of this name is, or was, written aside by agekit."""
    return _ASIDE.match(name) is not None


def sweep(folder: Path, *, alone: bool = False) -> None:
    """Removes what killed processes left aside in a folder; not below it.

    Args:
        folder: need not exist.
        alone: nobody else writes there: processes of other machines count as killed too.
    """
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if (match := _ASIDE.match(entry.name)) and (alone or _is_left(match)):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    os.unlink(entry)


def _is_left(aside: re.Match[str]) -> bool:
    """True if the process that wrote it is known to have ended."""
    pid = int(aside["pid"])
    if aside["host"] != _HOST or os.name == "nt":
        return False
    if pid == os.getpid():
        return aside["start"] != _START
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to; renames it to `path` when the block ends well.

    A block that raises leaves `path` as it was and nothing beside it; an OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_of(path)
    try:
        yield aside
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside `folder`, which becomes it when the block ends well.

    A block that raises leaves `folder` as it was; so does, by the next call, a process that was
    killed while one took the place of the other.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    old, aside = folder.with_name(f".{folder.name}.agekit-old"), aside_of(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    try:
        aside.mkdir()
        yield aside
        if folder.exists():
            folder.rename(old)
        try:
            aside.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes `data` whole."""
    with written(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes `text` whole, as UTF-8."""
    write_bytes(path, text.encode())


def write_from_memory(path: Path, save: Callable[[BytesIO], Any]) -> None:
    """Writes whole what `save` puts into the file it is given, which is in memory.

    For libraries that write pictures: on a full disk they may leave a part of one, and not say so.
    """
    file = BytesIO()
    save(file)
    write_bytes(path, file.getbuffer())


def make_folders(folder: Path) -> list[Path]:
    """Makes a folder, and those above it that are not there.

    Returns:
        those that were made, the outermost first.

    Raises:
        OSError: one cannot be made, its ``filename``; then none is.
    """
    made: list[Path] = []
    try:
        for place in reversed((folder, *folder.parents)):
            if place.is_dir():
                continue
            try:
                place.mkdir()
            except FileExistsError as error:
                if place.is_dir():
                    continue
                reason = "it is there, and is no folder"
                raise NotADirectoryError(errno.ENOTDIR, reason, str(place)) from error
            made.append(place)
    except BaseException:
        remove_folders(made)
        raise
    return made


def remove_folders(made: Iterable[Path]) -> None:
    """Removes what `make_folders` made, unless something lies there by now."""
    for place in reversed(list(made)):
        with suppress(OSError):
            place.rmdir()
