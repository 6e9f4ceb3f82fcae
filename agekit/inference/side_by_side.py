"""An image before and after its faces were aged, in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from agekit.inference.aging import AgedFace

__all__ = ["side_by_side"]

SMALLEST, LARGEST = 256, 1024
"""Of a half's longer side, pixels."""
BACKGROUND, INK = "white", "#222222"


def side_by_side(
    before: NDArray[np.uint8], after: NDArray[np.uint8], faces: Sequence[AgedFace]
) -> Image.Image:
    """Draws before on the left and after on the right, ages below where they are known.

    Small images are enlarged by a whole number, large ones scaled down.

    Args:
        before: (H, W, 3) uint8 RGB.
        after: the same size.
        faces: their ages are given from left to right.
    """
    halves = [_fitted(Image.fromarray(pixels)) for pixels in (before, after)]
    width, height = halves[0].size
    ordered = sorted(faces, key=lambda face: face.box or (0.0,))
    captions = [
        _caption("before", [face.before for face in ordered]),
        _caption("after", [face.after for face in ordered]),
    ]
    font = _font(captions, width, max(width, height))
    gap = max(4, round(max(width, height) / 64))
    line = round(1.7 * font.size)
    sheet = Image.new("RGB", (2 * width + gap, height + line), BACKGROUND)
    brush = ImageDraw.Draw(sheet)
    for half, caption, left in zip(halves, captions, (0, width + gap), strict=True):
        sheet.paste(half, (left, 0))
        middle = (left + width / 2, height + line / 2)
        brush.text(middle, caption, fill=INK, font=font, anchor="mm")
    return sheet


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
    return f"{word}: {', '.join('?' if age is None else f'{age:.1f}' for age in ages)} years"


def _font(captions: Sequence[str], width: int, longer: int) -> ImageFont.FreeTypeFont:
    """As large as the picture asks for and the captions leave room for."""
    size = longer / 20
    widest = max(_sized(size).getlength(caption) for caption in captions)
    return _sized(max(9.0, size * min(1.0, 0.96 * width / widest)))


def _sized(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
