"""What a model says of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Face", "Prediction"]


@dataclass(frozen=True)
class Face:
    """One face's age.

    Attributes:
        age: years.
        interval: the calibrated interval (low, high), years.
        box: where the face is in the upright image (x0, y0, x1, y1), pixels, within the image, or
            None for a chip.
        ages: the label ages of `p`.
        p: the distribution over `ages`, or None.
    """

    age: float
    interval: tuple[float, float]
    box: tuple[float, float, float, float] | None = None
    ages: tuple[int, ...] = ()
    p: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it."""
        distribution = None if self.p is None else {"ages": list(self.ages), "p": list(self.p)}
        return {
            "age": round(self.age, 2),
            "interval": [round(end, 2) for end in self.interval],
            "box": None if self.box is None else [round(end, 1) for end in self.box],
            "distribution": distribution,
        }


@dataclass(frozen=True)
class Prediction:
    """What was found in one image: its faces, the largest first, or why it could not be read."""

    path: str
    faces: tuple[Face, ...]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it."""
        faces = [face.to_json() for face in self.faces]
        return {"path": self.path, "faces": faces, "error": self.error}
