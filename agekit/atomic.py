"""Files that appear whole or not at all: written aside, flushed to disk, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["write_bytes", "write_text", "written"]


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to; renames it to `path` when the block ends well.

    A block that raises leaves `path` as it was and nothing beside it; an OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
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


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes `data` whole."""
    with written(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes `text` whole, as UTF-8."""
    write_bytes(path, text.encode())
