"""Faces that agekit draws itself: any person at any age, no photo and no weights needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit_synthfaces.dataset import SynthFaces
    from agekit_synthfaces.face import STYLE_VERSION, Person, draw, person, sample_age
    from agekit_synthfaces.files import write_face

__all__ = [
    "STYLE_VERSION",
    "Person",
    "SynthFaces",
    "draw",
    "person",
    "sample_age",
    "write_face",
]

_ELSEWHERE = {"SynthFaces": "dataset", "write_face": "files"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        module = _ELSEWHERE.get(name, "face")
        return getattr(import_module(f"agekit_synthfaces.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
