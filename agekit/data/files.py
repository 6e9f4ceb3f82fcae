"""Images that lie in files, known by their content."""

from __future__ import annotations

import hashlib
import os
import stat
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agekit.data.decode import decode
from agekit.data.digests import DigestMemory
from agekit.data.table import ImageSource
from agekit.errors import DataError

__all__ = ["EncodedImages", "Files"]


class EncodedImages(ImageSource):
    """Images that are there as the bytes of image files, so that they can be had whole.

    The base of those that lie in files of their own and in shards.
    """

    @abstractmethod
    def read(self, i: int) -> bytes:
        """The bytes of the encoded image `i`.

        Raises:
            DataError: there are none, or the file is damaged.
            OSError: the file cannot be read.
        """

    def decode(self, i: int, size: int | None) -> NDArray[np.uint8]:
        """Image `i`, RGB: (size, size, 3), or whole; see `agekit.data.decode.decode`."""
        return decode(self.read(i), size, self.name(i))


class Files(EncodedImages):
    """The images of files under one folder.

    A file's digest is the BLAKE2b-128 of its bytes. Digests are remembered in the cache by path,
    size and modification time, so that unchanged files are read once; files changed within the
    last two seconds are not remembered, as their time could hide another change.

    A path may not leave the folder, and neither may a link, as one among files may be a trap of
    whoever made an archive. But a folder may be one of links: the snapshots of the Hub's cache,
    and what git-annex and DVC make, are known by where their links lead; and where several files
    are links that lead out, and these are at least half of all, the folder is taken to be meant so.

    Args:
        root: the folder.
        paths: paths below it, with forward slashes.

    Raises:
        DataError: a path is absolute or climbs out of the folder.
    """

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self.root = Path(os.path.realpath(root))
        self.paths = tuple(paths)
        self._digests: NDArray[np.uint8] | None = None
        self._links = _Links(self.root, self.paths)
        for path in self.paths:
            if (".." in path and ".." in path.split("/")) or os.path.isabs(path):
                raise _outside(path, self.root)

    def __len__(self) -> int:
        """The number of files."""
        return len(self.paths)

    def name(self, i: int) -> str:
        """The path below the root."""
        return self.paths[i]

    def read(self, i: int) -> bytes:
        """The bytes of file `i`."""
        return (self.root / self.paths[i]).read_bytes()

    def take(self, index: NDArray[np.int64]) -> Self:
        """The files of `index`, in that order."""
        part = copy(self)
        part.paths = tuple(self.paths[i] for i in index)
        part._digests = None if self._digests is None else self._digests[index]
        return part

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes; reads the files not seen before.

        Raises:
            DataError: a file cannot be read, or lies outside the root through a link.
        """
        if self._digests is None:
            self._digests = self._look_up()
        return self._digests

    def _look_up(self) -> NDArray[np.uint8]:
        folder = hashlib.blake2b(os.fsencode(self.root), digest_size=8).hexdigest()
        memory = DigestMemory(folder, 16)
        known = memory.load()
        digests = np.zeros((len(self.paths), 16), np.uint8)
        unknown: list[tuple[int, bytes | None]] = []
        inside: dict[str, bool] = {}
        for i, path in enumerate(self.paths):
            key = memory.key(path, self._status(path, inside))
            digest = None if key is None else known.get(key)
            if digest is None:
                unknown.append((i, key))
            else:
                digests[i] = np.frombuffer(digest, np.uint8)
        if unknown:
            records = b""
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                found = threads.map(self._hash, [i for i, _ in unknown])
                for (i, key), digest in zip(unknown, found, strict=True):
                    digests[i] = np.frombuffer(digest, np.uint8)
                    records += b"" if key is None else key + digest
            memory.append(records)
        return digests

    def _status(self, path: str, inside: dict[str, bool]) -> os.stat_result:
        """Stats a file, after making sure that no link leads out of the root."""
        place = os.path.join(self.root, path)
        folder = os.path.dirname(place)
        try:
            status = os.lstat(place)
            if folder not in inside:
                inside[folder] = self._contains(folder)
            linked = stat.S_ISLNK(status.st_mode)
            if (linked or not inside[folder]) and not self._links.may_be(place):
                raise _outside(path, self.root)
            return os.stat(place) if linked else status
        except OSError as error:
            raise _unreadable(path, self.root, error) from None

    def _contains(self, place: str) -> bool:
        return _is_below(os.path.realpath(place), self.root)

    def _hash(self, i: int) -> bytes:
        try:
            with open(self.root / self.paths[i], "rb") as file:
                return hashlib.blake2b(file.read(), digest_size=16).digest()
        except OSError as error:
            raise _unreadable(self.paths[i], self.root, error) from None


class _Links:
    """The files of a folder that may lie outside of it, through links; see `Files`."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self.root, self.paths = root, paths

    def may_be(self, place: str) -> bool:
        """True if what is at `place` may lie where it does."""
        target = os.path.realpath(place)
        return _is_below(target, self.root) or self._is_store(target) or self._is_usual

    def _is_store(self, target: str) -> bool:
        """True if a file is kept by content for folders such as this one."""
        folder = Path(target).parent
        hub = folder.name == "blobs" and self.root.is_relative_to(folder.with_name("snapshots"))
        return hub or "/.git/annex/objects/" in target or "/.dvc/cache/" in target

    @cached_property
    def _is_usual(self) -> bool:
        """True if links that lead out are several, and at least half of the files."""
        places = (os.path.join(self.root, path) for path in self.paths)
        out = sum(not _is_below(os.path.realpath(place), self.root) for place in places)
        return out > 1 and 2 * out >= len(self.paths)


def _is_below(place: str, root: Path) -> bool:
    return Path(place).is_relative_to(root)


def _outside(path: str, root: Path) -> DataError:
    return DataError(
        f"{path!r} leads out of the dataset's folder {root}",
        "give paths below the folder, or pass a folder that holds all the images, or links to all",
    )


def _unreadable(path: str, root: Path, error: OSError) -> DataError:
    lost = os.path.islink(root / path) and not os.path.exists(root / path)
    return DataError(
        f"{path} in {root} cannot be read: {error.strerror or error}",
        "it is a link to a file that is not there: fetch it (git annex get, dvc pull)"
        if lost
        else "",
    )
