"""A model on the Hub: which files it has at a commit, and what each must be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from agekit.zoo.hub.digest import remembered_sha256

__all__ = ["HubModel", "Progress", "Record", "Wanted"]

Progress = Callable[[str, int, int], None]
"""Is told of a file's name, how many bytes of it are here, and how many there are."""


class Record(Protocol):
    """What is known of a file beforehand: `agekit.zoo.entry.FileRecord`, for one."""

    @property
    def sha256(self) -> str:
        """64 hex digits."""

    @property
    def size(self) -> int:
        """Bytes."""


class Wanted(NamedTuple):
    """What a file must be.

    Args:
        size: bytes.
        sha256: 64 hex digits, or empty where `git` is known.
        git: the name git has for its contents, 40 hex digits.
    """

    size: int
    sha256: str = ""
    git: str = ""

    def problem(self, path: Path) -> str | None:
        """What is wrong with the file at `path`, or None.

        Raises:
            OSError: it cannot be read.
        """
        size = os.stat(path).st_size
        if size != self.size:
            return f"it has {size:,} bytes, not {self.size:,}"
        if self.sha256:
            found = remembered_sha256(path)
            return None if found == self.sha256 else f"its SHA-256 is {found}, not {self.sha256}"
        found = hashlib.sha1(f"blob {size}\0".encode() + path.read_bytes()).hexdigest()
        return None if found == self.git else f"its hash in git is {found}, not {self.git}"


@dataclass(frozen=True)
class HubModel:
    """A model at a commit.

    Args:
        commit: 40 hex digits.
        files: name → what it must be.
    """

    commit: str
    files: Mapping[str, Wanted]
