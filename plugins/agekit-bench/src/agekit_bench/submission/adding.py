"""Adding results that were accepted: all of them or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from agekit.atomic import aside_of, make_folders, remove_folders
from agekit.errors import DataError
from agekit_bench.results.files import predictions_path
from agekit_bench.submission.submit import Verdict

__all__ = ["add"]


def add(verdicts: Sequence[Verdict]) -> list[Path]:
    """Copies results that are not refused, with their predictions.

    Everything is copied aside first, then renamed, the results last: none is ever there without
    its predictions.

    Args:
        verdicts: none of them refused, each of another cell.

    Returns:
        where each result is now.

    Raises:
        DataError: something cannot be written; then nothing was added.
    """
    copies = sorted(_copies(verdicts), key=lambda copy: copy[1].suffix == ".json")
    adding = _Adding()
    try:
        for source, target in copies:
            adding.copy(source, target)
        for _, target in copies:
            adding.place(target)
    except BaseException:
        adding.undo()
        raise
    adding.finish()
    return [verdict.target for verdict in verdicts if verdict.target is not None]


def _copies(verdicts: Sequence[Verdict]) -> Iterator[tuple[Path, Path]]:
    for verdict in verdicts:
        assert verdict.result is not None
        assert verdict.target is not None
        yield verdict.path, verdict.target
        if verdict.result.predictions is not None:
            source = verdict.path.parent / verdict.result.predictions.file
            yield source, predictions_path(verdict.target)


class _Adding:
    """What was made so far."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.aside: dict[Path, Path] = {}
        self.before: dict[Path, Path] = {}
        self.placed: list[Path] = []

    def copy(self, source: Path, target: Path) -> None:
        """Copies beside `target`, the folders above it made."""
        try:
            self.folders += make_folders(target.parent)
        except OSError as error:
            raise _failed(Path(error.filename or target.parent), error) from error
        aside = aside_of(target)
        self.aside[target] = aside
        try:
            shutil.copyfile(source, aside)
            with open(aside, "rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise _failed(source if error.filename == str(source) else target, error) from error

    def place(self, target: Path) -> None:
        """Renames the copy to `target`; a file there is kept until `finish`."""
        before = target.with_name(f".{target.name}.{os.getpid()}.before")
        try:
            if target.is_file():
                os.rename(target, before)
                self.before[target] = before
            os.rename(self.aside[target], target)
        except OSError as error:
            raise _failed(target, error) from error
        self.placed.append(target)

    def undo(self) -> None:
        """Leaves everything as it was."""
        for path in (*self.placed, *self.aside.values()):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        for target, before in self.before.items():
            with suppress(OSError):
                os.rename(before, target)
        remove_folders(self.folders)

    def finish(self) -> None:
        """Forgets what was there before."""
        for before in self.before.values():
            with suppress(OSError):
                before.unlink()


def _failed(place: Path, error: OSError) -> DataError:
    return DataError(
        f"nothing was added: {place} cannot be copied or made: {error.strerror or error}",
        "move away what stands there, make room or get leave to write, or take another --into",
    )
