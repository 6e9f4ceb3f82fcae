"""The file that `agekit bench speed --out` writes: whether it can be, before anything is timed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from agekit.errors import ConfigError

__all__ = ["check_place"]

_MOST_BYTES = 16_000_000
_ANOTHER = "name another file with --out"


def check_place(out: Path) -> None:
    """Refuses a place where the document cannot be written, or would replace something else.

    Raises:
        ConfigError: it is a folder, below a file, not writable, or a file that is no such document.
    """
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder", f"name a file, such as {out / 'speed.json'}")
    if out.exists() and not _is_document(out):
        raise ConfigError(f"--out {out} is there already, and not from `bench speed`", _ANOTHER)
    above = next(place for place in out.absolute().parents if os.path.lexists(place))
    if not above.is_dir():
        raise ConfigError(f"--out {out} cannot be written: {above} is no folder", _ANOTHER)
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {out} cannot be written: {above} takes no new files", _ANOTHER)


def _is_document(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return False
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, Mapping) and {"machine", "measurements"} <= found.keys()
