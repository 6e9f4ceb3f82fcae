"""A part under test: how it is found and built, and how what is wrong with it is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from agekit import signature
from agekit.errors import one_line
from agekit.kinds import KINDS
from agekit.registry import REGISTRIES

__all__ = ["Part", "Subject"]

Part = str | Callable[..., Any]
"""A registry name, or the class or function that an entry point is to name."""

_OF_RECIPES = ("evolver",)
"""Kinds that are not built alone: their arguments are those of a recipe."""


class Subject:
    """A part under test.

    Args:
        kind: a key of `agekit.kinds.KINDS`.
        part: its registry name, or the object itself.
        arguments: its keyword arguments, as a recipe gives them.

    Raises:
        AssertionError: it is no part of this kind, or does not take the arguments.
    """

    def __init__(
        self, kind: str, part: Part, arguments: Mapping[str, object] | None = None
    ) -> None:
        name = part if isinstance(part, str) else getattr(part, "__name__", repr(part))
        self.kind = kind
        self.name = name
        self.label = f"{kind} {name!r}"
        with self.doing("writing its arguments as JSON"):
            self.arguments: dict[str, Any] = json.loads(
                json.dumps(dict(arguments or {}), allow_nan=False)
            )
        self.factory: Callable[..., Any] = self._registered(part) if isinstance(part, str) else part
        self._check_type()

    def require(self, true: bool, otherwise: str) -> None:
        """Says what is wrong unless it is right.

        Raises:
            AssertionError: naming the part.
        """
        if not true:
            raise AssertionError(f"{self.label}: {otherwise}")

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Says what fails when the part's own code raises.

        Args:
            what: such as "a forward pass".

        Raises:
            AssertionError: naming the part, what was done and the error.
        """
        try:
            yield
        except AssertionError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(error)}"
            raise AssertionError(f"{self.label}: {what} fails: {reason}") from error

    def build(self, *given: Any) -> Any:
        """Makes the part with its arguments.

        Args:
            given: what agekit gives it first.
        """
        with self.doing(f"building it with {self.arguments}"):
            return self.factory(*given, **self.arguments)

    def _registered(self, name: str) -> Callable[..., Any]:
        with self.doing("finding it among the installed parts"):
            entry = REGISTRIES[self.kind].find(name)
            mistakes = [
                mistake
                for mistake in signature.check(entry, self.arguments, KINDS[self.kind].given)
                if self.kind not in _OF_RECIPES
            ]
            factory: Callable[..., Any] = REGISTRIES[self.kind].get(name)
        self.require(not mistakes, "; ".join(mistakes))
        return factory

    def _check_type(self) -> None:
        # What a library gives by a name is made by a function of ours.
        base = None if isinstance(self.factory, partial) else REGISTRIES[self.kind].base
        self.require(callable(self.factory), "it is not callable")
        if base is not None:
            module, _, attribute = base.partition(":")
            wanted = getattr(import_module(module), attribute)
            good = isinstance(self.factory, type) and issubclass(self.factory, wanted)
            self.require(good, f"it is not a subclass of {module}.{attribute}")
