"""Tables as people and spreadsheets write them: any common delimiter, encoding and line end."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agekit.errors import DataError, nearest

__all__ = ["Sheet", "read_lines", "read_sheet", "read_text"]


@dataclass(frozen=True)
class Sheet:
    """A csv that was read: cells without the blanks around them, empty lines left out.

    Attributes:
        path: the file.
        header: the columns' names in small letters.
        rows: the cells of each line; a short line lacks its last ones.
        lines: the number of each row's line in the file, counted from 1.
        delimiter: what stands between the cells.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    delimiter: str

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def has(self, *names: str) -> bool:
        """Whether there is a column of one of the names."""
        return any(name in self.header for name in names)

    def column(self, *names: str, default: str | None = None) -> list[str]:
        """The cells of the first column that has one of the names; "" where a row is short.

        Raises:
            DataError: there is none, and no default for every row.
        """
        for name in names:
            if name in self.header:
                k = self.header.index(name)
                return [row[k] if k < len(row) else "" for row in self.rows]
        if default is not None:
            return [default] * len(self)
        shown = ", ".join(self.header) or "nothing"
        close = next(filter(None, (nearest(name, self.header, n=1) for name in names)), "")
        wanted = " or ".join(repr(name) for name in names)
        raise DataError(f"{self.path}: expected a column {wanted}; found: {shown}{close}")

    def where(self, i: int) -> str:
        """What to call row `i` in messages."""
        return f"{self.path.name} line {self.lines[i]}"

    def number(self, text: str) -> float | None:
        """The number in a cell: NaN where there is none, None where the text is something else.

        In a file with semicolons or tabs a comma is a decimal point.
        """
        if not text or text.lower() in ("na", "n/a", "nan", "none", "null"):
            return float("nan")
        try:
            return float(text.replace(",", ".") if self.delimiter != "," else text)
        except ValueError:
            return None


def read_sheet(path: Path, header: Sequence[str] = ()) -> Sheet:
    """Reads a csv.

    The delimiter (comma, semicolon or tab) is the one the first line has most of, a comma last.
    UTF-8 with or without a byte order mark, else Latin-1.

    Args:
        path: the file.
        header: the names of the columns, for a file that may come without: its first line is a
            row if one of its cells, and so none of a header, is a number.

    Raises:
        DataError: it cannot be read, or is no csv.
    """
    text = io.StringIO(read_text(path), newline="")
    delimiter = max("\t;,", key=text.readline().count)
    text.seek(0)
    table = csv.reader(text, delimiter=delimiter)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    try:
        for cells in table:
            if any(cell.strip() for cell in cells):
                rows.append(tuple(cell.strip() for cell in cells))
                lines.append(table.line_num)
    except csv.Error as error:
        raise DataError(f"{path}: not a readable csv: {error}") from None
    sheet = Sheet(path, tuple(header), tuple(rows), tuple(lines), delimiter)
    if header and rows and any(_is_number(sheet, cell) for cell in rows[0]):
        return sheet
    first = tuple(cell.lower() for cell in rows[0]) if rows else ()
    return Sheet(path, first, tuple(rows[1:]), tuple(lines[1:]), delimiter)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without the blanks around them; blank ones at the end left out.

    Raises:
        DataError: it cannot be read.
    """
    return [line.strip() for line in read_text(path).rstrip().splitlines()]


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, else Latin-1.

    Raises:
        DataError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _is_number(sheet: Sheet, cell: str) -> bool:
    number = sheet.number(cell)
    return number is not None and number == number
