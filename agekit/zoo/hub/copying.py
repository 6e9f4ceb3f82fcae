"""Plain copies of a model's files."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agekit.atomic import written
from agekit.errors import ModelError
from agekit.zoo.files import CONFIG

__all__ = ["copy_files", "explained"]


def copy_files(folder: Path, names: Iterable[str], target: Path, force: bool = False) -> None:
    """Copies files, each whole, the configuration last: what was cut short is no model.

    Args:
        folder: where they are.
        names: plain file names.
        target: the folder to put them into; it is made.
        force: replace other files of these names.

    Raises:
        ModelError: another file is there, or one cannot be read or written.
    """
    ordered = sorted(names, key=lambda name: name == CONFIG)
    for name in ordered:
        there = target / name
        with explained(there):
            if not force and there.exists() and not _same(there, folder / name):
                raise ModelError(f"{there} is another file", "use --force to replace it")
    for name in ordered:
        with explained(target / name), written(target / name) as aside:
            shutil.copyfile(folder / name, aside)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Makes an OSError while `path` is written an error for people.

    Raises:
        ModelError: there was one.
    """
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"cannot write {path}: {error.strerror or error}", "check its folder, and the room left"
        ) from error


def _same(one: Path, two: Path) -> bool:
    return one.stat().st_size == two.stat().st_size and one.read_bytes() == two.read_bytes()
