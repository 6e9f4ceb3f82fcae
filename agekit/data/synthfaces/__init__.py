"""Faces that agekit draws itself: any person at any age, no photo and no weights needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit.data.synthfaces.face import STYLE_VERSION, Person, draw, person, sample_age

__all__ = ["STYLE_VERSION", "Person", "draw", "person", "sample_age"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("agekit.data.synthfaces.face"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
