"""Answers of agers: an image before and after, with its faces, and both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from agekit.errors import DataError
from agekit.inference.face import Box, shown_box

__all__ = ["DIRECTIONS", "YEARS", "AgedFace", "AgedImage", "Direction", "side_by_side", "years"]

Direction = Literal["old", "young"]
DIRECTIONS: tuple[Direction, ...] = ("old", "young")
YEARS: dict[Direction, float] = {"old": 65.0, "young": 25.0}
"""What the directions mean to an ager that goes by age."""

Pixels = NDArray[np.uint8]
SMALLEST, LARGEST = 256, 1024
"""Of a half's longer side, pixels."""
BACKGROUND, INK = "white", "#222222"


@dataclass(frozen=True)
class AgedFace:
    """One face that was aged.

    Attributes:
        box: where it is in the upright image (x0, y0, x1, y1), pixels; None for a chip.
        before: how old it looked, years; None without a judge, or if the judge finds no face.
        after: how old it looks now.
        upright: whether it is within 45 degrees of upright; None for a chip.
        wanted: how old it was to look, years; None of an ager by direction.
        enlarged: by how much it was, to be as large as the ager takes faces; None for a chip.
        told: the age that the ager was told, by which it came nearest to the wanted one.
    """

    box: Box | None = None
    before: float | None = None
    after: float | None = None
    upright: bool | None = None
    wanted: float | None = None
    enlarged: float | None = None
    told: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As ``agekit age --json`` prints it."""
        years = {"before": self.before, "after": self.after}
        if self.wanted is not None:
            years |= {"wanted": self.wanted, "told": self.told}
        shown = {key: None if age is None else round(age, 2) for key, age in years.items()}
        return {**shown, "box": shown_box(self.box)}


@dataclass(frozen=True, eq=False)
class AgedImage:
    """What became of one image.

    Attributes:
        path: its path; empty for one that came in memory.
        before: (H, W, 3) uint8, the upright photo, or the chip as the ager takes it; None if it
            could not be read.
        after: the same, aged; None if there is no face in it.
        faces: those that were aged, the largest first.
        to: what they were aged to, such as ``old``, ``65`` or ``+20``.
        error: why it could not be read, or None.
        warning: of an image taken as a face chip: how it was reframed, or why it is none.
    """

    path: str
    before: Pixels | None
    after: Pixels | None
    faces: tuple[AgedFace, ...] = ()
    to: str = ""
    error: str | None = None
    warning: str | None = None

    def __repr__(self) -> str:
        size = (
            "" if self.after is None else f", {self.after.shape[1]} x {self.after.shape[0]} pixels"
        )
        error = "" if self.error is None else f", error={self.error!r}"
        return f"AgedImage({self.path!r}{size}, faces={self.faces}{error})"

    def to_dict(self) -> dict[str, Any]:
        """Ages before and after, of the first face and of each, and where the faces are."""
        faces = [face.to_dict() for face in self.faces]
        first = faces[0] if faces else {"before": None, "after": None}
        ages = {"before": first["before"], "after": first["after"]}
        return {"path": self.path, **ages, "faces": faces, "error": self.error}

    def plot(self) -> Image.Image:
        """Draws before and after side by side, with the ages where they are known.

        Raises:
            DataError: the image could not be read, or there is no face in it.
        """
        if self.before is None or self.after is None:
            raise DataError(self.error or f"{self.path or 'the image'}: no face found")
        return side_by_side(self.before, self.after, self.faces)


def side_by_side(
    before: Pixels,
    after: Pixels,
    faces: Sequence[AgedFace],
    more: Sequence[tuple[Pixels, Sequence[AgedFace]]] = (),
    words: Sequence[str] = (),
) -> Image.Image:
    """Draws before on the left and after on the right, ages below where they are known.

    Small images are enlarged by a whole number, large ones scaled down.

    Args:
        before: (H, W, 3) uint8 RGB.
        after: the same size.
        faces: their ages are given from left to right.
        more: other results of the same image, further to the right.
        words: what to call each of the results, all of them "after" where nothing is given.
    """
    results = [(after, faces), *more]
    parts = [_fitted(Image.fromarray(pixels)) for pixels in (before, *(one[0] for one in results))]
    width, height = parts[0].size
    captions = [_caption("before", [face.before for face in _ordered(faces)])]
    captions += [
        _caption(word, [f.after for f in _ordered(aged)])
        for word, (_, aged) in zip(words or ["after"] * len(results), results, strict=True)
    ]
    font = _font(captions, width, max(width, height))
    gap = max(4, round(max(width, height) / 64))
    line = round(1.7 * font.size)
    size = (len(parts) * (width + gap) - gap, height + line)
    sheet = Image.new("RGB", size, BACKGROUND)
    brush = ImageDraw.Draw(sheet)
    for k, (part, caption) in enumerate(zip(parts, captions, strict=True)):
        left = k * (width + gap)
        sheet.paste(part, (left, 0))
        middle = (left + width / 2, height + line / 2)
        brush.text(middle, caption, fill=INK, font=font, anchor="mm")
    return sheet


def _ordered(faces: Sequence[AgedFace]) -> list[AgedFace]:
    """From left to right."""
    return sorted(faces, key=lambda face: face.box or (0.0,))


def _fitted(image: Image.Image) -> Image.Image:
    longer = max(image.size)
    factor = -(-SMALLEST // longer) if longer < SMALLEST else min(1.0, LARGEST / longer)
    if factor == 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _caption(word: str, ages: Sequence[float | None]) -> str:
    if all(age is None for age in ages):
        return word
    return f"{word}: {', '.join(map(years, ages))} years"


def years(age: float | None) -> str:
    """An age for people, to a tenth."""
    return "?" if age is None else f"{age:.1f}"


def _font(captions: Sequence[str], width: int, longer: int) -> ImageFont.FreeTypeFont:
    """As large as the picture asks for and the captions leave room for."""
    size = longer / 20
    widest = max(_sized(size).getlength(caption) for caption in captions)
    return _sized(max(9.0, size * min(1.0, 0.96 * width / widest)))


def _sized(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
