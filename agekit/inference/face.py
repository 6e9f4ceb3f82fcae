"""Faces as models see and answer them: a chip, its age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agekit.faces.align import is_upright

__all__ = ["Answer", "Box", "Chip", "Face", "Points", "shown_box"]

Box = tuple[float, float, float, float]
Points = tuple[tuple[float, float], ...]


class Answer(NamedTuple):
    """Another model's answer about a face.

    Args:
        value: plain data, for JSON.
        label: in a word, for tables, such as "female".
        text: for people, such as "female (97 %)".
    """

    value: dict[str, Any]
    label: str
    text: str


@dataclass(frozen=True, repr=False)
class Face:
    """One face's age.

    Attributes:
        age: years.
        interval: the calibrated interval (low, high), years.
        box: where the face is in the upright image (x0, y0, x1, y1), pixels, within the image, or
            None for a chip.
        ages: the label ages of `p`.
        p: the distribution over `ages`, or None.
        score: how sure the detector is of it, 0 to 1; None if no detector found it.
        points: x and y in the upright image, pixels, of eyes, nose and corners of the mouth, in
            the order of `agekit.faces.base.Detection`; None if they are not known.
        more: what other models say of it, by their task; see `agekit.inference.attribute`.
    """

    age: float
    interval: tuple[float, float]
    box: Box | None = None
    ages: tuple[int, ...] = ()
    p: tuple[float, ...] | None = None
    score: float | None = None
    points: Points | None = None
    more: Mapping[str, Answer] = field(default_factory=dict, hash=False)

    @property
    def upright(self) -> bool | None:
        """True if it is within 45 degrees of upright; None if its points are not known."""
        return None if self.points is None else is_upright(np.array(self.points))

    def is_over(self, years: float) -> bool | None:
        """True if its whole interval is at or over an age, or below it; None if it is on both."""
        low, high = self.interval
        return True if low >= years else False if high < years else None

    def to_dict(self, distribution: bool = False) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it.

        Args:
            distribution: adds the distribution over the ages, or None where there is none.
        """
        points = self.points
        out: dict[str, Any] = {
            "age": round(self.age, 2),
            "interval": [round(end, 2) for end in self.interval],
            "score": None if self.score is None else round(self.score, 4),
            "points": points and [[round(x, 1), round(y, 1)] for x, y in points],
            "upright": self.upright,
            "box": shown_box(self.box),
        }
        if distribution:
            known = self.p is not None
            out["distribution"] = {"ages": [*self.ages], "p": [*(self.p or ())]} if known else None
        return out | {key: answer.value for key, answer in self.more.items()}

    def __repr__(self) -> str:
        low, high = self.interval
        text = f"age={self.age:.1f}, interval=({low:.1f}, {high:.1f})"
        text += "" if self.box is None else f", box={tuple(shown_box(self.box) or ())}"
        text += "" if self.score is None else f", score={self.score:.3f}"
        return f"Face({text}{', upright=False' if self.upright is False else ''})"


class Chip(NamedTuple):
    """A face to estimate.

    Args:
        pixels: (S, S, 3) uint8.
        box: where it was, within the photo; None if it is all there is.
        score: how sure the detector was of it.
        points: where its five points were in the photo.
        warning: what a person should know of it.
        placed: (5, 2) where the points lay by which it was cut, if it was cut out of a photo; they
            are guessed by its box where `points` is None.
    """

    pixels: NDArray[np.uint8]
    box: Box | None = None
    score: float | None = None
    points: Points | None = None
    warning: str | None = None
    placed: NDArray[np.float64] | None = None

    def face(
        self,
        age: float,
        interval: tuple[float, float],
        ages: Sequence[int],
        p: Sequence[float] | None,
    ) -> Face:
        """A model's answer as a face; `ages` are the label ages of the distribution `p`, if any."""
        labels, shares = ((), None) if p is None else (tuple(ages), tuple(p))
        return Face(age, interval, self.box, labels, shares, self.score, self.points)


def shown_box(box: Box | None) -> list[float] | None:
    """A box in tenths of a pixel."""
    return None if box is None else [round(end, 1) for end in box]
