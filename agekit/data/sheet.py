"""Tables as people and spreadsheets write them: any common delimiter, encoding and line end."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agekit.data.columns import usual
from agekit.errors import DataError, nearest

__all__ = ["Sheet", "csv_cell", "is_missing", "read_lines", "read_sheet", "read_text"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null"})
BLANKS = " "
"""The delimiter of a table whose cells have blanks between them."""

_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""The first line that Excel writes to say what the delimiter is."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and the encodings they stand for; that of UTF-32 begins as that of UTF-16."""


@dataclass(frozen=True)
class Sheet:
    """A table that was read: cells without the blanks around them, empty lines left out.

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
        """True if there is a column of one of the names; see `column`."""
        return any(self._index(name) is not None for name in names)

    def column(self, *names: str, default: str | None = None) -> list[str]:
        """The cells of the column of the first name that is there; "" where a row is short.

        Case and separators in names do not count.

        Raises:
            DataError: there is none, and no default for every row.
        """
        for name in names:
            if (k := self._index(name)) is not None:
                return [row[k] if k < len(row) else "" for row in self.rows]
        if default is not None:
            return [default] * len(self)
        shown = ", ".join(self.header) or "nothing"
        close = next(filter(None, (nearest(name, self.header, n=1) for name in names)), "")
        wanted = " or ".join(repr(name) for name in names[:4])
        raise DataError(f"{self.path}: expected a column {wanted}; found: {shown}{close}")

    def _index(self, name: str) -> int | None:
        return next((k for k, c in enumerate(self.header) if usual(c) == usual(name)), None)

    def where(self, i: int) -> str:
        """The file and the line of row `i`, for messages."""
        return f"{self.path.name} line {self.lines[i]}"

    def number(self, text: str) -> float | None:
        """The number in a cell: NaN where there is none, None where the text is something else.

        In a file with semicolons or tabs a comma is a decimal point.
        """
        if is_missing(text):
            return float("nan")
        try:
            return float(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError:
            return None

    @property
    def decimal_comma(self) -> bool:
        """True if a comma in a number is a decimal point."""
        return self.delimiter != ","


def is_missing(text: str) -> bool:
    """True if a cell says that there is no value."""
    return text.lower() in _MISSING


def read_sheet(path: Path, header: Sequence[str] = ()) -> Sheet:
    """Reads a csv.

    The delimiter - comma, semicolon, tab or ``|`` - is the one that makes most cells of the first
    line, a comma last, or else blanks. See `read_text` for the encodings.

    Args:
        path: the file.
        header: the names of the columns, for a file that may come without: its first line is a
            row if one of its cells, and so none of a header, is a number.

    Raises:
        DataError: it cannot be read, or is no csv.
    """
    content = read_text(path)
    if "\0" in content:
        raise DataError(f"{path}: not a readable csv: it has zero bytes, as no text has")
    text = io.StringIO(content, newline="")
    first, skipped = "", 0
    while not first.strip() and (first := text.readline()):
        skipped += 1
    if separator := _SEPARATOR.fullmatch(first):
        delimiter = separator[1]
    else:
        delimiter, skipped = _delimiter(first), 0
        text.seek(0)
    table = csv.reader(text, delimiter=delimiter, skipinitialspace=delimiter == BLANKS)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    try:
        for cells in table:
            if delimiter == BLANKS:
                cells = [cell for cell in cells if cell]
            if any(cell.strip() for cell in cells):
                rows.append(tuple(cell.strip() for cell in cells))
                lines.append(skipped + table.line_num)
    except csv.Error as error:
        raise DataError(f"{path}: not a readable csv: {error}") from None
    sheet = Sheet(path, tuple(header), tuple(rows), tuple(lines), delimiter)
    if header and rows and any(_is_number(sheet, cell) for cell in rows[0]):
        return sheet
    names = tuple(cell.lower() for cell in rows[0]) if rows else ()
    return Sheet(path, names, tuple(rows[1:]), tuple(lines[1:]), delimiter)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without the blanks around them; blank ones at the end left out.

    Raises:
        DataError: it cannot be read.
    """
    return [line.strip() for line in read_text(path).rstrip().splitlines()]


def read_text(path: Path) -> str:
    """The text of a file: UTF-8, UTF-16 or UTF-32, with or without a byte order mark, else Latin-1.

    Without a mark, UTF-16 is known by its zero bytes, every other one in text that is mostly ASCII.

    Raises:
        DataError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not encoding and len(data) % 2 == 0:
        high, low = data[0::2].count(0), data[1::2].count(0)
        if low > len(data) / 5 and not high:
            encoding = "utf-16-le"
        elif high > len(data) / 5 and not low:
            encoding = "utf-16-be"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            raise DataError(f"{path}: damaged {encoding} text: {error.reason}") from None
        return data.decode("latin-1")


def csv_cell(text: str) -> str:
    """A path, or what begins with one, so that no spreadsheet takes it for a formula."""
    return f"./{text}" if text.startswith(_FORMULA) else text


def _delimiter(line: str) -> str:
    """The delimiter of a header."""

    def cells(delimiter: str) -> int:
        return len(next(csv.reader([line], delimiter=delimiter), []))

    best = max("\t;|,", key=cells)
    return best if cells(best) > 1 or not line.split()[1:] else BLANKS


def _is_number(sheet: Sheet, cell: str) -> bool:
    number = sheet.number(cell)
    return number is not None and number == number
