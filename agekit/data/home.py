"""The places of the cache and of datasets, and who may write there."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from agekit._paths import expand_user, nearest_path
from agekit.data.hub_root import local_root
from agekit.errors import AgekitError, ConfigError, DataError

__all__ = [
    "SHARD",
    "cache_home",
    "data_root",
    "locked",
    "only_one",
    "shard_files",
]

_log = logging.getLogger(__name__)
SHARD = ".parquet"
"""The ending of a file that holds packed faces."""
_METADATA = f"metadata{SHARD}"
"""The labels of an image folder of the Hub, which names the images and has none in it."""


def cache_home() -> Path:
    """``$AGEKIT_CACHE``, else ``$XDG_CACHE_HOME/agekit``, else ``~/.cache/agekit``.

    Raises:
        ConfigError: the user has no home folder.
    """
    if own := os.environ.get("AGEKIT_CACHE"):
        return expand_user(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "agekit"
    try:
        return Path.home() / ".cache" / "agekit"
    except RuntimeError as error:
        raise ConfigError(
            "where to keep the cache is not known: this user has no home folder",
            "set AGEKIT_CACHE to a folder you can write to, or HOME",
        ) from error


@contextmanager
def locked(
    path: Path, busy: AgekitError | None = None, *, filling: Path | None = None
) -> Iterator[None]:
    """Holds the lock file `path`, in a folder that is there, for this process.

    Where another process holds it, `busy` is raised; without one that is told, and waited for.

    Args:
        path: the lock file.
        busy: what to raise.
        filling: what the lock stands for; the folder that it is in if left out.

    Raises:
        OSError: the lock file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0 if busy else 1)
    except Timeout:
        if busy is not None:
            raise busy from None
        place = filling or path.parent
        _log.warning("another process is filling %s; waiting for it", place)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keeps other processes from filling `folder` meanwhile; says so where one is waited for.

    The lock lies in the cache; where that cannot be written, nobody is kept away.
    """
    name = hashlib.blake2b(os.path.realpath(folder).encode(), digest_size=8).hexdigest()
    with ExitStack() as stack:
        with suppress(OSError):
            locks = cache_home() / "hub"
            locks.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(locks / f"{name}.lock", filling=folder))
        yield


def data_root(
    dataset: str, root: Path | None, *, file_allowed: bool = False, option: str = "--root DIR"
) -> Path:
    """The place of `dataset`: `root` if given, else ``$AGEKIT_DATA/<dataset>``.

    Args:
        dataset: the dataset's registry name.
        root: the folder the user named, or one of the Hub, see `local_root`.
        file_allowed: whether any file will do (a csv of labels); shards always do.
        option: what gives it on the command line.

    Raises:
        DataError: neither is given, or the place is missing, no folder, or empty.
    """
    hint = f"pass {option}, or set AGEKIT_DATA so that $AGEKIT_DATA/{dataset} is the dataset"
    if root is not None:
        place, origin = expand_user(local_root(root)), ""
    elif base := os.environ.get("AGEKIT_DATA"):
        place, origin = expand_user(base) / dataset, " (from $AGEKIT_DATA)"
    else:
        raise DataError(f"where is the dataset {dataset!r}?", hint)
    try:
        if place.is_file() and (file_allowed or place.suffix.lower() == SHARD):
            return place
        if not place.exists():
            raise DataError(
                f"{dataset}: no such folder: {place}{origin}{nearest_path(place)}", hint
            )
        if not place.is_dir():
            raise DataError(f"{dataset}: not a folder: {place}{origin}", hint)
        if next(place.iterdir(), None) is None:
            raise DataError(f"{dataset}: the folder is empty: {place}{origin}", hint)
    except OSError as error:
        raise DataError(f"{dataset}: cannot read {place}{origin}: {error.strerror}", hint) from None
    return place


def shard_files(place: Path) -> list[Path]:
    """The Parquet files of packed faces: a place that is one, or those in a folder or its ``data``.

    Returns:
        sorted; empty if the place is no packed dataset.
    """
    if place.is_file():
        packed = place.suffix.lower() == SHARD and place.name.lower() != _METADATA
        return [place] if packed else []
    for folder in (place, place / "data"):
        if folder.is_dir():
            there = [p for p in folder.iterdir() if p.suffix.lower() == SHARD and p.is_file()]
            there = [p for p in there if p.name.lower() != _METADATA]
            if found := sorted(p for p in there if not p.name.startswith(".")):
                return found
    return []
