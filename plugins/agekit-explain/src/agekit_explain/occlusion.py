"""The change of a face's age when a part of the face is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from agekit.plugin import Chip, Face
from agekit_explain.parts import parts_of_face

__all__ = ["Explanation", "Fill", "Pixels", "explain", "hiding"]

Fill = Literal["mean", "blur"]
Pixels = NDArray[np.uint8]
_BLUR = 0.1
"""Radius of the blur, a share of the side: neither wrinkles nor features are left."""


@dataclass(frozen=True)
class Explanation:
    """What the parts of a face add to its age.

    Attributes:
        chip: (S, S, 3) uint8, the face as the model is shown it.
        face: what the model says of it.
        years: (G, G) by how much the face looks older for what lies in a patch around each cell's
            middle: the age of the face less the age with the patch hidden.
        parts: the same of each named part, hidden as a whole; none where the frame is unknown.
    """

    chip: Pixels
    face: Face
    years: NDArray[np.float64]
    parts: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """As the command answers it."""
        rounded = [[round(value, 3) for value in row] for row in self.years.tolist()]
        parts = {name: round(value, 3) for name, value in self.parts.items()}
        return {**self.face.to_dict(), "parts": parts, "map": rounded}


def hiding(cells: int, side: int, patch: float) -> NDArray[np.bool_]:
    """The patches of a grid, row by row.

    Args:
        cells: along one side.
        side: of the image, pixels.
        patch: side of a patch, a share of the image's; what lies beyond the image is cut off.

    Returns:
        (cells x cells, side, side): where each hides the image; a pixel at least.
    """
    middles = (np.arange(cells) + 0.5) * side / cells
    pixels = np.arange(side) + 0.5
    half = max(patch * side, 1.0) / 2
    along = np.abs(pixels[None] - middles[:, None]) <= half
    return (along[:, None, :, None] & along[None, :, None, :]).reshape(-1, side, side)


def explain(
    chip: Chip,
    estimate: Callable[[Sequence[Chip]], Sequence[Face]],
    points: NDArray[np.float64] | None,
    *,
    cells: int = 14,
    patch: float = 0.2,
    fill: Fill = "mean",
    batch_size: int = 64,
) -> Explanation:
    """Hides part after part of a face, and asks its age each time.

    Occlusion as Zeiler and Fergus (ECCV 2014, section 4.2) have it, of an age in years.

    Args:
        chip: the face.
        estimate: the ages of chips.
        points: (5, 2) where the five points lie in the chip, shares of its side; None if unknown.
        cells: of the map, along one side.
        patch: side of what is hidden at once, a share of the chip's.
        fill: what hides: the chip's mean colour, or the chip blurred.
        batch_size: how many images are looked at at once.
    """
    side = len(chip.pixels)
    named = {} if points is None else parts_of_face(points, side)
    masks = [hiding(cells, side, patch), *(mask[None] for mask in named.values())]
    hidden = _hidden(chip.pixels, np.concatenate(masks), fill)
    faces: list[Face] = []
    batch = [chip]
    for pixels in hidden:
        if len(batch) == batch_size:
            faces += estimate(batch)
            batch = []
        batch.append(chip._replace(pixels=pixels))
    faces += estimate(batch)
    whole, *others = faces
    years = whole.age - np.array([face.age for face in others])
    grid, rest = years[: cells**2].reshape(cells, cells), years[cells**2 :]
    return Explanation(chip.pixels, whole, grid, dict(zip(named, rest.tolist(), strict=True)))


def _hidden(pixels: Pixels, masks: NDArray[np.bool_], fill: Fill) -> Iterator[Pixels]:
    """The image with each mask's pixels hidden."""
    if fill == "mean":
        cover = np.broadcast_to(pixels.mean((0, 1)).round().astype(np.uint8), pixels.shape)
    else:
        blur = ImageFilter.GaussianBlur(_BLUR * len(pixels))
        cover = np.asarray(Image.fromarray(pixels).filter(blur))
    for mask in masks:
        yield np.where(mask[..., None], cover, pixels)
