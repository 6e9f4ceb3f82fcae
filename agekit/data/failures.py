"""The list of images that no chip could be made of: ``failures.csv``."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from agekit.atomic import write_bytes
from agekit.data.table import Problem

__all__ = ["FAILURES", "append_failure", "read_failures", "write_failures"]

FAILURES = "failures.csv"
_HEADER = ("name", "kind", "detail")
_BLANKS = str.maketrans("\r\n", "  ")


def read_failures(folder: Path) -> list[Problem]:
    """The failures noted in a folder; a last line that was not written to its end is left out.

    Raises:
        OSError: the file is there and cannot be read.
    """
    path = folder / FAILURES
    data = path.read_bytes() if path.exists() else b""
    whole = data[: data.rfind(b"\n") + 1].decode("utf-8", "replace")
    lines = csv.reader(io.StringIO(whole, newline=""))
    return [
        Problem(kind=cells[1], name=cells[0], detail=cells[2])
        for cells in lines
        if len(cells) == len(_HEADER) and tuple(cells) != _HEADER
    ]


def append_failure(folder: Path, failure: Problem) -> None:
    """Adds one, so that it is on the disk when this returns."""
    path = folder / FAILURES
    begun = path.exists()
    with open(path, "ab") as file:
        file.write(_line((failure.name, failure.kind, failure.detail), header=not begun))
        file.flush()
        os.fsync(file.fileno())


def write_failures(folder: Path, failures: Iterable[Problem]) -> None:
    """Replaces the list as a whole; without failures there is no file."""
    lines = [_line((f.name, f.kind, f.detail), header=False) for f in failures]
    if lines:
        write_bytes(folder / FAILURES, b"".join([_line(_HEADER, header=False), *lines]))
    else:
        (folder / FAILURES).unlink(missing_ok=True)


def _line(cells: tuple[str, ...], *, header: bool) -> bytes:
    text = io.StringIO(newline="")
    sheet = csv.writer(text, lineterminator="\n")
    if header:
        sheet.writerow(_HEADER)
    sheet.writerow(cell.translate(_BLANKS) for cell in cells)
    return text.getvalue().encode()
