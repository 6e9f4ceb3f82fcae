"""A part in use: what it does wrong is told with its name, its distribution and its line."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from agekit.discovery import PACKAGE, Entry
from agekit.errors import AgekitError, ContractError, one_line
from agekit.extras import missing_library
from agekit.registry import REGISTRIES

__all__ = ["Culprit"]

_PLAIN = (RuntimeError, ValueError, AssertionError)
"""Errors whose text says enough without their type."""


@dataclass(frozen=True)
class Culprit:
    """A part that is about to be used.

    Args:
        kind: a key of `agekit.kinds.KINDS`.
        name: the part's name in the recipe.
        made: what was made of it; None where that is still to be done.
        method: of `made`, which is called.
    """

    kind: str
    name: str
    made: Any = None
    method: str = "forward"

    def error(self, what: str, hint: str = "", cause: BaseException | None = None) -> ContractError:
        """The error to be raised.

        Args:
            what: it does wrong, as a sentence goes on after its name.
            hint: how to mend it; else how to find out.
            cause: the error in its code, if one was raised.
        """
        entry, place = self._entry(), self._place(cause)
        if entry is None:
            where, usual = place, "AGEKIT_DEBUG=1 shows the trace"
        else:
            where = ", ".join(filter(None, (entry.provider, place)))
            usual = (
                f"see `agekit plugins doctor {entry.distribution}`; AGEKIT_DEBUG=1 shows the trace"
            )
        return ContractError(f"the {self.kind} {self.name!r} {what}", hint or usual, where)

    @contextmanager
    def doing(
        self, what: str, hint: str = "", *, but: type[Exception] = MemoryError
    ) -> Iterator[None]:
        """Tells an error in the part's code, or its exit, as its; a want of memory stays as it is.

        Args:
            what: fails, such as "cannot be built".
            hint: how to mend it.
            but: what else stays what it is.

        Raises:
            ContractError: naming the part.
        """
        try:
            yield
        except (Exception, SystemExit) as error:
            lacks_memory = type(error).__name__ == "OutOfMemoryError"
            if isinstance(error, (AgekitError, MemoryError, but)) or lacks_memory:
                raise
            if lacking := missing_library(error):
                raise lacking from error
            reason = one_line(error)
            if not isinstance(error, _PLAIN) or not reason:
                reason = f"{type(error).__name__}: {reason}".rstrip(": ")
            raise self.error(f"{what}: {reason}", hint, error) from error

    def _entry(self) -> Entry | None:
        with suppress(AgekitError):
            return REGISTRIES[self.kind].find(self.name)
        return None

    def _place(self, cause: BaseException | None) -> str:
        """The innermost line of the part's own code that an error came through, or its first."""
        entry = self._entry()
        modules = {type(self.made).__module__, *([entry.module] if entry else [])}
        packages = {module.partition(".")[0] for module in modules} - {PACKAGE, "torch", "builtins"}
        trace, found = cause.__traceback__ if cause is not None else None, ""
        while trace is not None:
            module = str(trace.tb_frame.f_globals.get("__name__"))
            if module in modules or module.partition(".")[0] in packages:
                found = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
            trace = trace.tb_next
        return found or self._first_line(modules)

    def _first_line(self, modules: set[str]) -> str:
        """The place where the method is defined, or else what makes the part."""
        with suppress(AgekitError):
            called: Any = getattr(type(self.made), self.method, None)
            for one in (called, REGISTRIES[self.kind].get(self.name)):
                if getattr(one, "__module__", None) in modules:
                    with suppress(OSError, TypeError):
                        source: Any = inspect.unwrap(one)
                        line = inspect.getsourcelines(source)[1]
                        return f"{inspect.getsourcefile(source)}, line {line}"
        return ""
