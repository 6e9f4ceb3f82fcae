"""The gender of faces, beside their ages; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from agekit.plugin import Answer, FaceAttribute

__all__ = ["GenderAttribute"]


class GenderAttribute(FaceAttribute):
    """The more probable gender, and how probable each is."""

    def answer(self, outputs: Mapping[str, NDArray[Any]]) -> list[Answer]:
        """One answer a face."""
        return [_answer(female) for female in outputs["female"].tolist()]


def _answer(female: float) -> Answer:
    label = "female" if female >= 0.5 else "male"
    share = max(female, 1 - female)
    value: dict[str, Any] = {
        "label": label,
        "p": {"male": round(1 - female, 4), "female": round(female, 4)},
    }
    return Answer(value, label, f"{label} ({share:.0%})")
