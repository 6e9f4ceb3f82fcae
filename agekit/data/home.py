"""Where the cache is, and where a dataset lies."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agekit._paths import expand_user
from agekit.errors import ConfigError, DataError

__all__ = ["SHARD", "cache_home", "data_root", "only_one"]

_log = logging.getLogger(__name__)
SHARD = ".parquet"
"""The ending of a file that holds packed faces."""


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
def only_one(folder: Path) -> Iterator[None]:
    """Keeps other processes from filling `folder` meanwhile; says so where one is waited for.

    The lock lies in the cache; where that cannot be written, nobody is kept away.
    """
    from filelock import FileLock, Timeout

    name = hashlib.blake2b(os.path.realpath(folder).encode(), digest_size=8).hexdigest()
    lock = FileLock(cache_home() / "hub" / f"{name}.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            _log.warning("waiting for another process that writes to %s", folder)
            lock.acquire()
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


def data_root(dataset: str, root: Path | None, *, file_allowed: bool = False) -> Path:
    """Where `dataset` lies: `root` if given, else ``$AGEKIT_DATA/<dataset>``.

    Args:
        dataset: the dataset's registry name.
        root: the folder the user named.
        file_allowed: whether any file will do (a csv of labels); shards always do.

    Raises:
        DataError: neither is given, or the place is missing, no folder, or empty.
    """
    hint = f"pass --root DIR, or set AGEKIT_DATA so that $AGEKIT_DATA/{dataset} is the dataset"
    if root is not None:
        place, origin = expand_user(root), ""
    elif base := os.environ.get("AGEKIT_DATA"):
        place, origin = expand_user(base) / dataset, " (from $AGEKIT_DATA)"
    else:
        raise DataError(f"where is the dataset {dataset!r}?", hint)
    try:
        if place.is_file() and (file_allowed or place.suffix.lower() == SHARD):
            return place
        if not place.exists():
            raise DataError(f"{dataset}: no such folder: {place}{origin}", hint)
        if not place.is_dir():
            raise DataError(f"{dataset}: not a folder: {place}{origin}", hint)
        if next(place.iterdir(), None) is None:
            raise DataError(f"{dataset}: the folder is empty: {place}{origin}", hint)
    except OSError as error:
        raise DataError(f"{dataset}: cannot read {place}{origin}: {error.strerror}", hint) from None
    return place
