"""SHA-256 hashes of a run's files, written before the files they are of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agekit.atomic import write_bytes, write_text
from agekit.data.digests import hash_file
from agekit.errors import ModelError

__all__ = ["Hashes"]

_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Listed(BaseModel):
    """The content of the list: the hashes a file may have, by its path, and a hash of them all."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, list[_Hash]]
    sha256: _Hash


class Hashes:
    """The hashes of the files of a folder, in a file of their own.

    The hash of a file is listed before the file is written, beside the hash of what it replaces: at
    whatever moment a process is killed, the file has one of the two.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "hashes.json"

    def write(self, path: Path, data: bytes | memoryview) -> None:
        """Writes a file, its hash first."""
        files = self.read() or {}
        name, new = self._name(path), hashlib.sha256(data).hexdigest()
        files[name] = [new, *files.get(name, [])[:1]]
        self._list(files)
        write_bytes(path, data)

    def move(self, path: Path, to: Path) -> None:
        """Renames a file, its hashes first."""
        files = self.read() or {}
        files[self._name(to)] = files.get(self._name(path), [hash_file(path)])
        self._list(files)
        path.replace(to)

    def remove(self, path: Path) -> None:
        """Removes a file, its hashes last."""
        path.unlink(missing_ok=True)
        files = self.read() or {}
        if files.pop(self._name(path), None) is not None:
            self._list(files)

    def adopt(self, paths: list[Path]) -> None:
        """Lists files as they are now."""
        self._list({self._name(path): [hash_file(path)] for path in paths})

    def read(self) -> dict[str, list[str]] | None:
        """The hashes a file may have, by its path in the folder; None where none are listed.

        Raises:
            ModelError: the list is damaged.
        """
        if not self.path.exists():
            return None
        try:
            listed = _Listed.model_validate_json(self.path.read_bytes())
            if listed.sha256 != _digest(listed.files):
                raise ValueError("it is not what was written")
        except (OSError, ValidationError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not what was written"
            raise ModelError(
                f"{self.path}, the hashes of the run's files, is damaged: {reason}",
                "restore it; or remove it, to take the files as they are",
            ) from error
        return listed.files

    def problem(self, path: Path) -> str | None:
        """The fault of a file that is there; None if it has none."""
        known = (self.read() or {}).get(self._name(path))
        if known is None:
            return "it was not written by this run"
        try:
            found = hash_file(path)
        except OSError as error:
            return error.strerror or str(error)
        return None if found in known else "it changed since this run began"

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _list(self, files: dict[str, list[str]]) -> None:
        listed = _Listed(files=files, sha256=_digest(files))
        write_text(self.path, listed.model_dump_json(indent=1) + "\n")


def _digest(files: dict[str, list[str]]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
