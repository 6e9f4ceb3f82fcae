"""Pictures drawn of answers: a photo with its faces marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from agekit.inference.face import Face

__all__ = ["Rectangle", "draw_faces", "place_labels"]

Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""

SMALLEST_SIDE = 360
SMALLEST_FONT = 12
FONTS = (1.0, 0.8, 0.64, 0.5)
GLYPHS = "0123456789(–)"
COLOURS = ("#ffb000", "#56b4e9", "#f0e442", "#ff8fbf", "#6fd08c", "#ff7a45", "#c3a6ff")
"""Light ones, on which black text is read."""
ON_LABEL, ON_OTHER_BOX, ON_OWN_BOX, LATER_CHOICE = 10.0, 3.0, 1.0, 0.01
ROUNDS = 3


def draw_faces(
    photo: NDArray[np.uint8], faces: Sequence[Face], numbers: Sequence[int] | None = None
) -> Image.Image:
    """Draws each face's box with its age and interval beside it.

    Lines and text grow with the photo; a small photo is enlarged by a whole number, so that the
    text can be read. Labels stay inside the photo, and out of each other's way and off the faces
    where there is room.

    Args:
        photo: (H, W, 3) uint8, RGB, upright.
        faces: with boxes, in pixels of the photo; without any, the photo says so.
        numbers: of the faces, written before their ages, each in a colour of its own; through a
            video both stay, and a frame without a face says nothing.
    """
    image = Image.fromarray(photo)
    factor = -(-SMALLEST_SIDE // max(image.size))
    if factor > 1:
        size = (image.width * factor, image.height * factor)
        image = image.resize(size, Image.Resampling.BICUBIC)
    brush = ImageDraw.Draw(image)
    boxes: list[Rectangle] = []
    texts: list[str] = []
    for k, face in enumerate(faces):
        if face.box is not None:
            x0, y0, x1, y1 = (factor * end for end in face.box)
            boxes.append((x0, y0, x1, y1))
            number = "" if numbers is None else f"{numbers[k]}: "
            low, high = face.interval
            texts.append(f"{number}{face.age:.0f} ({low:.0f}–{high:.0f})")
    if not boxes:
        if numbers is None:
            font = next(_fonts(image.size))
            _label(brush, (0, 0, *_extent(font, "no face found")), "no face found", font, "white")
        return image
    line = max(2, round(max(image.size) / 400))
    colours = [COLOURS[n % len(COLOURS)] for n in numbers or ()] or _colours(boxes)
    for box, colour in zip(boxes, colours, strict=True):
        _outline(brush, box, line, colour)
    for font in _fonts(image.size):
        sizes = [_extent(font, text) for text in texts]
        labels, clear = place_labels(boxes, sizes, (image.width - 1, image.height - 1), gap=line)
        if clear:
            break
    for label, text, colour in zip(labels, texts, colours, strict=True):
        _label(brush, label, text, font, colour)
    return image


def _colours(boxes: Sequence[Rectangle]) -> list[str]:
    """A colour for each box, those of one colour as far apart as may be."""
    used: dict[str, list[complex]] = {colour: [] for colour in COLOURS}
    chosen: list[str] = []
    for x0, y0, x1, y1 in boxes:
        middle = complex(x0 + x1, y0 + y1) / 2

        def room(colour: str, middle: complex = middle) -> float:
            return min((abs(middle - other) for other in used[colour]), default=math.inf)

        chosen.append(max(COLOURS, key=room))
        used[chosen[-1]].append(middle)
    return chosen


def _fonts(size: tuple[int, int]) -> Iterator[ImageFont.FreeTypeFont]:
    """From the size that is read when the whole photo is looked at, to the smallest."""
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf")
    largest = min(max(size), 3 * min(size)) / 48
    for share in FONTS:
        yield ImageFont.truetype(str(path), max(SMALLEST_FONT, round(share * largest)))


def _extent(font: ImageFont.FreeTypeFont, text: str) -> tuple[float, float]:
    """Width and height of a label, pixels."""
    _, top, _, bottom = font.getbbox(GLYPHS)
    return font.getlength(text) + font.size * 0.6, bottom - top + font.size * 0.4


def _label(
    brush: ImageDraw.ImageDraw,
    label: Rectangle,
    text: str,
    font: ImageFont.FreeTypeFont,
    colour: str,
) -> None:
    brush.rectangle(label, fill=colour, outline="black", width=max(1, round(font.size / 16)))
    top = font.getbbox(GLYPHS)[1]
    where = (label[0] + font.size * 0.3, label[1] + font.size * 0.2 - top)
    brush.text(where, text, fill="black", font=font)


def _outline(brush: ImageDraw.ImageDraw, box: Rectangle, line: int, colour: str) -> None:
    """A line with a dark edge on either side, seen on light and on dark."""
    edge = max(1, line // 3)
    x0, y0, x1, y1 = (round(end) for end in box)
    x1, y1 = max(x0, x1 - 1), max(y0, y1 - 1)
    brush.rectangle((x0, y0, x1, y1), outline="black", width=line + 2 * edge)
    inner = (x0 + edge, y0 + edge, max(x0 + edge, x1 - edge), max(y0 + edge, y1 - edge))
    brush.rectangle(inner, outline=colour, width=line)


def place_labels(
    boxes: Sequence[Rectangle],
    sizes: Sequence[tuple[float, float]],
    bounds: tuple[int, int],
    gap: float,
) -> tuple[list[Rectangle], bool]:
    """Places one label for each box.

    Each goes to the best of ten places around its box: above, below, beside, or within it where
    nothing else is left. All are looked at again, in turn, when the others have their places.

    Args:
        boxes: what the labels belong to.
        sizes: width and height of each label, pixels.
        bounds: width and height of the picture.
        gap: between a label and its box, pixels.

    Returns:
        The labels' rectangles, and whether none of them covers another or another's box.
    """
    if not boxes:
        return [], True
    owners = np.array(boxes, np.float64)
    options = [_options(b, s, bounds, gap) for b, s in zip(owners, sizes, strict=True)]
    placed = np.zeros((0, 4))
    for k in range(len(boxes)):
        best = options[k][_costs(options[k], placed, owners, k).argmin()]
        placed = np.vstack([placed, best])
    for _ in range(ROUNDS - 1):
        for k in range(len(boxes)):
            others = np.delete(placed, k, axis=0)
            placed[k] = options[k][_costs(options[k], others, owners, k).argmin()]
    clear = True
    for k in range(len(boxes)):
        others = np.vstack([np.delete(placed, k, axis=0), np.delete(owners, k, axis=0)])
        clear &= not _shares(placed[k : k + 1], others).any()
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in placed.tolist()], clear


def _options(
    box: NDArray[np.float64], size: tuple[float, float], bounds: tuple[int, int], gap: float
) -> NDArray[np.float64]:
    """(10, 4): the places beside a box, moved into the picture, the most usual first."""
    (x0, y0, x1, y1), (w, h) = box, size
    above, below, right, left = y0 - gap - h, y1 + gap, x1 + gap, x0 - gap - w
    outside = [(x0, above), (x1 - w, above), (x0, below), (x1 - w, below)]
    outside += [(right, y0), (left, y0), (right, y1 - h), (left, y1 - h)]
    inside = [(x0 + gap, y1 - h - gap), (x0 + gap, y0 + gap)]
    corners = np.array(outside + inside)
    corners = np.clip(corners, 0, np.maximum(np.array(bounds) - size, 0))
    return np.hstack([corners, corners + size])


def _costs(
    options: NDArray[np.float64], labels: NDArray[np.float64], owners: NDArray[np.float64], k: int
) -> NDArray[np.float64]:
    covered = _shares(options, owners)
    own = covered[:, k]
    cost = ON_LABEL * _shares(options, labels).sum(1) + ON_OWN_BOX * own
    cost += ON_OTHER_BOX * (covered.sum(1) - own)
    return np.asarray(cost + LATER_CHOICE * np.arange(len(options)))


def _shares(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M): which share of each of (N, 4) rectangles each of (M, 4) covers."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    areas = (ones[:, 2:] - ones[:, :2]).prod(1)
    return np.asarray(np.maximum(high - low, 0).prod(2) / areas[:, None])
