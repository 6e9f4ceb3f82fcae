"""What a model says of an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from agekit.faces.align import is_upright

if TYPE_CHECKING:
    from PIL.Image import Image

    from agekit.data.images import ImageLike

__all__ = ["Box", "Face", "Points", "Prediction", "shown_box"]

Box = tuple[float, float, float, float]
Points = tuple[tuple[float, float], ...]


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
    """

    age: float
    interval: tuple[float, float]
    box: Box | None = None
    ages: tuple[int, ...] = ()
    p: tuple[float, ...] | None = None
    score: float | None = None
    points: Points | None = None

    @property
    def upright(self) -> bool | None:
        """Whether it is within 45 degrees of upright; None if its points are not known."""
        return None if self.points is None else is_upright(np.array(self.points))

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
        return out

    def __repr__(self) -> str:
        low, high = self.interval
        text = f"age={self.age:.1f}, interval=({low:.1f}, {high:.1f})"
        text += "" if self.box is None else f", box={tuple(shown_box(self.box) or ())}"
        text += "" if self.score is None else f", score={self.score:.3f}"
        return f"Face({text}{', upright=False' if self.upright is False else ''})"


@dataclass(frozen=True)
class Prediction:
    """What was found in one image, or why it could not be read.

    Attributes:
        path: the image's; empty for one that came in memory.
        faces: the largest first, or in the order in which their boxes were given.
        error: why the image could not be read, or None.
        image: the image as it was given, for `plot`; None if it came out of a generator.
        warning: of an image taken as a face chip: how it was reframed, or why it is none.
    """

    path: str
    faces: tuple[Face, ...]
    error: str | None = None
    image: ImageLike | None = field(default=None, repr=False, compare=False)
    warning: str | None = field(default=None, repr=False)

    def to_dict(self, distribution: bool = False) -> dict[str, Any]:
        """As ``agekit predict --json`` prints it, with or without the ages' distributions."""
        faces = [face.to_dict(distribution) for face in self.faces]
        told = {} if self.warning is None else {"warning": self.warning}
        return {"path": self.path, "faces": faces, "error": self.error, **told}

    def plot(self, image: ImageLike | None = None) -> Image:
        """Draws the faces' boxes, ages and intervals; of a chip, its distribution beside it.

        Args:
            image: what was predicted, where that is not remembered; see `image`.

        Raises:
            ConfigError: the image is not known.
            DataError: it cannot be read.
        """
        from agekit.inference.plot import picture_of

        return picture_of(self, image)


def shown_box(box: Box | None) -> list[float] | None:
    """A box in tenths of a pixel."""
    return None if box is None else [round(end, 1) for end in box]
