"""Ages as people write them: numbers, numbers with a unit, and ranges."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from agekit.errors import counted
from agekit.plugin import MAX_AGE, is_missing

__all__ = ["OLDEST", "Age", "Ranges", "parse_age", "why_no_age"]

OLDEST = 100.0
"""Where a range without an upper end is taken to end, in years."""

_NUMBER = r"(\d{1,3}(?:\.\d+)?)"
_DASHES = str.maketrans("‐‑‒–—−", "------")
_UNIT = re.compile(r"(?<=[\d+\s])\s*(?:years?(?: old)?|yrs?(?: old)?|y\.?/?o\.?|y)$")
_MONTHS = re.compile(_NUMBER + r"\s*(?:months?|mos?)(?: old)?")
_BETWEEN = re.compile(
    rf"[\[(]\s*{_NUMBER}\s*(?:,|;|:|-|to)\s*{_NUMBER}\s*[\])]"
    rf"|(?:from |between )?{_NUMBER}\s*(?:-|~|\.\.\.?|\bto\b|\band\b)\s*{_NUMBER}"
)
_FROM = re.compile(
    rf"(?:>=?|≥|over|above|more than|older than|at least)\s*{_NUMBER}"
    rf"|{_NUMBER}\s*(?:\+|plus|(?:and|or|&) (?:over|above|older|more|up))"
    rf"|[\[(]\s*{_NUMBER}\s*[,;]\s*(?:\+?inf(?:inity)?|∞)?\s*[\])]"
)
_UP_TO = re.compile(
    rf"(?:<=?|≤|under|below|less than|younger than|at most|up to)\s*{_NUMBER}"
    rf"|{_NUMBER}\s*(?:and|or|&) (?:under|below|younger|less)"
)
_DECADE = re.compile(r"(\d{1,2}0)'?s")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+),(\d+)")
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?(\D.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\d{1,2}[-.] ?[a-z]{3,9}\.?|[a-z]{3,9}-\d{1,2}",
    re.IGNORECASE,
)
"""Also ``3-Sep`` and ``Sep-03``, what spreadsheets make of 3-9."""


@dataclass(frozen=True, slots=True)
class Age:
    """An age label.

    Attributes:
        years: the age, or the middle of a range.
        sigma: the standard deviation of a range, in years, its width / sqrt(12); else NaN.
        is_open: whether it is a range without an upper end.
    """

    years: float
    sigma: float = math.nan
    is_open: bool = False

    @property
    def is_range(self) -> bool:
        """True if it stands for more than one age."""
        return not math.isnan(self.sigma)


def parse_age(text: str, *, decimal_comma: bool = False) -> Age | None:
    """Reads an age: ``25``, ``25.5``, ``25 years``, ``6 months``, ``25-32``, ``(25, 32)``, ``60+``.

    A range is taken for a uniform distribution: its middle, and a standard deviation of its
    width / sqrt(12). Without a lower end it begins at 0, without an upper one it ends at `OLDEST`,
    or at `MAX_AGE` where it begins beyond that.

    Args:
        text: the label; "" and the like are an age of NaN.
        decimal_comma: whether a comma within a number is a decimal point.

    Returns:
        The age, not checked to be one; None where the text is no age, or could be two: ``25,32``
        may be a range or a number.
    """
    if is_missing(text):
        return Age(math.nan)
    text = " ".join(text.lower().translate(_DASHES).strip("'\"").split())
    text = _UNIT.sub("", text.removeprefix("aged ").removeprefix("ages ").removeprefix("age "))
    if match := _DECIMAL_COMMA.fullmatch(text):
        may_be_range = int(match[2]) > int(match[1]) and match[2][0] != "0"
        if not decimal_comma and may_be_range:
            return None
        text = text.replace(",", ".")
    try:
        return None if "_" in text else Age(float(text))
    except ValueError:
        pass
    if match := _MONTHS.fullmatch(text):
        return Age(float(match[1]) / 12)
    return _range(text)


def _range(text: str) -> Age | None:
    if match := _BETWEEN.fullmatch(text):
        low, high = (float(end) for end in match.groups() if end is not None)
        return _uniform(low, high)
    if match := _FROM.fullmatch(text):
        low = next(float(end) for end in match.groups() if end is not None)
        return _uniform(low, OLDEST if low < OLDEST else MAX_AGE, is_open=True)
    if match := _UP_TO.fullmatch(text):
        return _uniform(0.0, next(float(end) for end in match.groups() if end is not None))
    if match := _DECADE.fullmatch(text):
        return _uniform(float(match[1]), float(match[1]) + 9)
    return None


def _uniform(low: float, high: float, *, is_open: bool = False) -> Age | None:
    if not low <= high <= MAX_AGE:
        return None
    sigma = (high - low) / math.sqrt(12) if low < high else math.nan
    return Age((low + high) / 2, sigma, is_open)


def why_no_age(text: str) -> str:
    """Says why `parse_age` gives None."""
    if _DATE.fullmatch(text):
        return f"{text!r} is a date, the age is no number"
    if _DECIMAL_COMMA.fullmatch(text):
        return f"{text!r} may be a number or a range: write 25.5, or 25-32"
    return f"the age is no number and no range: {text!r}"


@dataclass
class Ranges:
    """Counts the ages of a dataset that are ranges, to tell them once."""

    count: int = 0
    open: int = 0
    _first: str = field(default="")
    _first_open: str = field(default="")

    def add(self, text: str, age: Age, n: int = 1) -> None:
        """Counts `n` labels."""
        if age.is_range:
            shown = f"{text!r} as {age.years:g} with sigma {age.sigma:.1f}"
            self.count += n
            self._first = self._first or shown
            self.open += n * age.is_open
            self._first_open = self._first_open or (shown if age.is_open else "")

    def merge(self, other: Ranges) -> None:
        """Counts those of another part of the dataset too."""
        self.count += other.count
        self.open += other.open
        self._first = self._first or other._first
        self._first_open = self._first_open or other._first_open

    def notes(self) -> Iterable[str]:
        """One line, or two where some ranges have no upper end."""
        if self.count:
            whose = "its" if self.count == 1 else "their"
            yield (
                f"{counted(self.count, 'age is a range', 'ages are ranges')}: {whose} middle is "
                f"taken, and a sigma of {whose} width / sqrt(12): {self._first}"
            )
        if self.open:
            yield (
                f"{self.open:,} of these ranges have no upper end: taken to end at "
                f"{OLDEST:g} years: {self._first_open}"
            )
