"""A folder of chips while it is filled: those that are there, that failed, and that are to come."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agekit.errors import DataError
from agekit.plugin import (
    DISK_FULL,
    PLAN_FILE,
    Problem,
    append_failure,
    is_aside,
    read_failures,
    write_bytes,
    write_failures,
)
from agekit_datasets.chips.work import UNREADABLE

__all__ = ["ChipFolder", "chip_names", "readable", "writing"]

_OLD_ASIDE = re.compile(r"\.(.+)\.\d+")


class ChipFolder:
    """The chips of N rows; to be used by the holder of the folder's lock.

    Opening it removes what a killed process left half written.

    Args:
        folder: where they lie.
        names: of the pictures, N.
        chips: the paths of their chips below the folder, N.
        unreadable: row to reason, of pictures that cannot be read now.

    Raises:
        DataError: the folder cannot be read or written.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        chips: Sequence[str],
        unreadable: dict[int, str],
    ) -> None:
        self.folder = folder
        self.names = [readable(name) for name in names]
        self.chips = chips
        with writing(folder):
            files = _whole_files(folder, set(chips))
            self.there = [chip in files for chip in chips]
            known = {failure.name: failure for failure in read_failures(folder)}
            self.failures: dict[int, Problem] = {}
            for row, name in enumerate(self.names):
                if self.there[row]:
                    continue
                if row in unreadable:
                    self.failures[row] = Problem(UNREADABLE, name, unreadable[row])
                elif name in known and known[name].kind != UNREADABLE:
                    self.failures[row] = known[name]
            self._list_failures()

    def todo(self) -> list[int]:
        """The rows that have neither a chip nor a failure that will stay."""
        return [
            row for row, there in enumerate(self.there) if not there and row not in self.failures
        ]

    def put(self, row: int, chip: bytes | Problem) -> None:
        """Writes a chip, or notes why there is none; either is on the disk when this returns.

        Raises:
            DataError: the disk is full, or the folder cannot be written.
        """
        with writing(self.folder):
            if isinstance(chip, Problem):
                failure = Problem(chip.kind, self.names[row], chip.detail)
                append_failure(self.folder, failure)
                self.failures[row] = failure
            else:
                write_bytes(self.folder / self.chips[row], chip)
                self.there[row] = True

    def close(self) -> list[int]:
        """Puts the failures into the order of the rows; gives the rows that have a chip."""
        with writing(self.folder):
            self._list_failures()
        return [row for row, there in enumerate(self.there) if there]

    def _list_failures(self) -> None:
        write_failures(self.folder, [self.failures[row] for row in sorted(self.failures)])


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Tells of a folder that cannot be written.

    Raises:
        DataError: the disk is full, or the system refuses.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DataError(
                f"no room for the chips in {folder} ({error.strerror})",
                "free some space and run the same command again: what is done is kept",
            ) from None
        where = folder if error.filename is None else error.filename
        raise DataError(f"{where}: cannot be used: {error.strerror or error}") from None


def _whole_files(folder: Path, chips: Container[str]) -> set[str]:
    """The files below a folder, after those are removed that were being written.

    Args:
        folder: of the chips.
        chips: their paths in it; an earlier agekit wrote ``a.jpg`` aside to ``.a.jpg.PROCESS``.
    """
    found: set[str] = set()
    for place, _, files in os.walk(folder):
        below = os.path.relpath(place, folder)
        for name in files:
            old = _OLD_ASIDE.fullmatch(name)
            if is_aside(name) or (old and os.path.normpath(f"{below}/{old[1]}") in chips):
                os.unlink(os.path.join(place, name))
            elif not (below == "." and name == PLAN_FILE):
                found.add(name if below == "." else f"{below}/{name}".replace(os.sep, "/"))
    return found


def chip_names(names: Sequence[str], ending: str) -> list[str]:
    """The path of each picture's chip: the picture's own with another ending.

    Pictures whose names differ only in the ending, or in the case of letters, get a folder each
    that is called after the ending: ``a.png`` and ``a.bmp`` become ``png/a.jpg`` and ``bmp/a.jpg``.
    So the file's name without its ending, which some protocols split by, is always the picture's.

    Args:
        names: paths with forward slashes, each once.
        ending: of the chips, with its dot.

    Returns:
        As many paths, different from each other even where case does not count.
    """
    paths = [PurePosixPath(readable(name)) for name in names]
    wanted = [str(path.with_name(path.stem + ending)) for path in paths]
    count = Counter(name.casefold() for name in wanted)
    taken = {name for name, times in count.items() if times == 1}
    for i, path in enumerate(paths):
        if count[wanted[i].casefold()] == 1:
            continue
        folder = path.suffix[1:] or "other"
        while (name := str(path.parent / folder / (path.stem + ending))).casefold() in taken:
            folder += "_"
        taken.add(name.casefold())
        wanted[i] = name
    return wanted


def readable(name: str) -> str:
    """The name as text that any file can hold; names that are not UTF-8 are taken as Latin-1."""
    data = os.fsencode(name)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
