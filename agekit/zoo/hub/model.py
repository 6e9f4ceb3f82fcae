"""A model on the Hub: which files it has at a commit, and what each must be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agekit.data.digests import sha256_of

__all__ = ["FileSpec", "HubModel", "Progress"]

Progress = Callable[[str, int, int], None]
"""Is told of a file's name, how many bytes of it are here, and how many there are."""


class FileSpec(NamedTuple):
    """What a file must be.

    Args:
        size: bytes.
        sha256: 64 hex digits, or empty where `git` is known.
        git: the name git has for its contents, 40 hex digits.
    """

    size: int
    sha256: str = ""
    git: str = ""

    def problem(self, path: Path, digest: Callable[[Path], str] = sha256_of) -> str | None:
        """What is wrong with the file at `path`, or None.

        Args:
            path: the file.
            digest: gives the SHA-256 of a file.

        Raises:
            OSError: it cannot be read.
        """
        size = os.stat(path).st_size
        if size != self.size:
            return f"it has {size:,} bytes, not {self.size:,}"
        if self.sha256:
            found = digest(path)
            return None if found == self.sha256 else f"its SHA-256 is {found}, not {self.sha256}"
        found = hashlib.sha1(f"blob {size}\0".encode() + path.read_bytes()).hexdigest()
        return None if found == self.git else f"its hash in git is {found}, not {self.git}"

    def is_met(self, path: Path) -> bool:
        """Whether the file is there, and right."""
        try:
            return self.problem(path) is None
        except OSError:
            return False


@dataclass(frozen=True)
class HubModel:
    """A model at a commit.

    Args:
        commit: 40 hex digits.
        files: name → what it must be.
    """

    commit: str
    files: Mapping[str, FileSpec]
