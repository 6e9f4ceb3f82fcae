"""Errors for people - what is wrong, where, and how to mend it - and the words they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

__all__ = [
    "AgekitError",
    "ConfigError",
    "ConflictError",
    "ContractError",
    "DataError",
    "MissingLibraryError",
    "ModelError",
    "PluginError",
    "TrainingError",
    "UnknownNameError",
    "causes",
    "counted",
    "lacks_memory",
    "listed",
    "nearest",
    "one_line",
]


class AgekitError(Exception):
    """The root of all errors agekit raises on purpose.

    Args:
        message: what is wrong and where, in one line where possible.
        hint: how to mend it.
        where: the file and the line at fault, where that is known.
    """

    def __init__(self, message: str, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    @property
    def lines(self) -> list[str]:
        """The message, then where and how to mend it where those are known."""
        more = [f"  at: {self.where}"] if self.where else []
        return [self.message, *more, *([f"  hint: {self.hint}"] if self.hint else [])]

    def __str__(self) -> str:
        return "\n".join(self.lines)


class PluginError(AgekitError):
    """A plugin cannot be used: it fails to import, lacks an object, or is for another API."""


class ConflictError(PluginError):
    """Two distributions give one name."""


class ConfigError(AgekitError):
    """A recipe, an override or an option is wrong; carries every mistake found.

    Args:
        mistakes: one line each.
        hint: how to mend them.
    """

    def __init__(self, mistakes: str | Sequence[str], hint: str = "", where: str = "") -> None:
        self.mistakes = [mistakes] if isinstance(mistakes, str) else list(mistakes)
        if len(self.mistakes) == 1:
            text = self.mistakes[0]
        else:
            text = f"{len(self.mistakes)} mistakes:\n" + "\n".join(
                f"  - {m}" for m in self.mistakes
            )
        super().__init__(text, hint, where)


class UnknownNameError(ConfigError):
    """A name that no installed distribution gives."""


class ContractError(ConfigError, PluginError):
    """A part does not do what its kind asks of it."""


class MissingLibraryError(ConfigError):
    """An optional library is not installed; the hint installs it."""


class DataError(AgekitError):
    """A dataset, an image or a split cannot be read or used."""


class ModelError(AgekitError):
    """A model folder, a run or its files cannot be read or used."""


class TrainingError(AgekitError):
    """Training had to stop."""


_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        yield found
        found = found.__cause__ or found.__context__


def lacks_memory(error: BaseException) -> bool:
    """True if an error, its causes aside, says that memory is lacking: of Python, torch or CUDA."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in _MEMORY)


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: ``1 face``, ``2,000 faces``.

    Args:
        count: how many.
        noun: of one.
        plural: of any other number, where that is not the noun and an s.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def nearest(name: str, names: Iterable[str], n: int = 3) -> str:
    """Says which of `names` are meant by `name`: ``"; did you mean 'a', 'b'?"``, or nothing.

    Where none is spelt alike, those that begin so.
    """
    known = list(names)
    close = get_close_matches(name, known, n=n, cutoff=0.6)
    close = close or [one for one in known if len(name) > 2 and one.startswith(name)][:n]
    return f"; did you mean {', '.join(repr(c) for c in close)}?" if close else ""


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first of many names: ``"a, b, c and 5 more"``."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def one_line(error: BaseException) -> str:
    """The text of an error, line breaks and runs of blanks made single blanks."""
    return " ".join(str(error).split())
