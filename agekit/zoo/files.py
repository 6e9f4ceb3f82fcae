"""The files of a model folder: their names, their hashes, and reading the small ones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = [
    "CARD",
    "CONFIG",
    "EVAL_RESULTS",
    "METRICS",
    "SMALL_FILE",
    "WEIGHTS",
    "hash_file",
    "model_folder",
    "small_text",
]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
METRICS = "metrics.json"
EVAL_RESULTS = ".eval_results"
"""The folder the Hub reads evaluation results from."""
SMALL_FILE = 1_000_000
"""The most bytes a file of JSON or text may have."""


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_folder(path: Path) -> Path | None:
    """The model folder that a run folder or a model folder holds or is; None where there is none.

    Args:
        path: any path.
    """
    for folder in (path, path / "model"):
        if (folder / CONFIG).is_file():
            return folder
    return None


def small_text(path: Path) -> str:
    """The text of a small file; a large one is not read.

    Raises:
        OSError: it is too large, or cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > SMALL_FILE:
            raise OSError(f"it has more than {SMALL_FILE:,} bytes")
        return file.read(size).decode("utf-8")
