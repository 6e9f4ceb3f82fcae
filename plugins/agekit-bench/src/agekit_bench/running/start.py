"""What a cell started from, kept beside its run: one from other weights is not gone on with."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agekit.atomic import write_text
from agekit.data.alignment import Alignment
from agekit.errors import ConfigError

__all__ = ["hash_start", "keep_start", "same_start"]

START = "start.sha256"


def hash_start(weights: str | None, alignment: Alignment | None = None) -> str:
    """The SHA-256 of the weights that a cell starts from; ``scratch`` without any.

    Args:
        weights: a model or a file.
        alignment: where its faces are to lie; named behind the hash if it is said.

    Raises:
        AgekitError: they are not there.
    """
    from agekit.data.digests import hash_file
    from agekit.zoo.files import WEIGHTS
    from agekit.zoo.locate import is_model, locate

    if alignment is not None:
        return f"{hash_start(weights)} {alignment.align} {alignment.detector} {alignment.margin:g}"
    if weights is None:
        return "scratch"
    path = locate(weights) / WEIGHTS if is_model(weights) else Path(weights)
    if not path.is_file():
        raise ConfigError(f"there is no model or file {weights}", "name another with --init")
    return hash_file(path)


def same_start(folder: Path, start: str) -> bool:
    """Whether the run in a cell's folder started from these weights, as far as that was kept."""
    with suppress(OSError, ValueError):
        return (folder / START).read_text(encoding="ascii").strip() == start
    return True


def keep_start(folder: Path, start: str) -> None:
    """Keeps what the run in a cell's folder starts from."""
    write_text(folder / START, start + "\n")
