"""Images taken as face chips: shown to a model in its frame, and told where they are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.images import decode_image
from agekit.data.manifest import MANIFEST, Manifest
from agekit.data.sheet import read_text
from agekit.errors import AgekitError
from agekit.faces.align import cut_framed, differ, eyes, known_points, reframing, zoom
from agekit.faces.framing import points_in_chips
from agekit.inference.face import Chip
from agekit.inference.finder import FaceFinder
from agekit.inference.inputs import Picture

__all__ = ["ChipTaker", "in_frame"]

_LOOKED_AT = 16
"""Images; a folder of chips is cut in one way."""
_SIDE = 160
_MIN_FACE = 0.1
_MOST_RATIO = 1.25
_MOST_ZOOM = 1.3
_MOST_SHIFT = 0.15
"""Of the side."""


class ChipTaker:
    """Takes images for face chips.

    Chips that `agekit data prepare` made say where the eyes lie, and are reframed to the model's
    frame. Of other images the shape is looked at, and of the first few the face.

    Args:
        face: the model's alignment.
        size: side of what it takes, pixels.
        finder: makes its face finder.
        model: what to call it.
    """

    def __init__(
        self, face: Alignment, size: int, finder: Callable[[], FaceFinder], model: str
    ) -> None:
        self.size = size
        self.model = model
        self._want = known_points(face)
        self._finder = finder
        self._left = 0 if self._want is None else _LOOKED_AT

    def take(self, pictures: Sequence[Picture]) -> list[Chip]:
        """The chips of the images that could be read.

        Args:
            pictures: read whole.

        Returns:
            What the model is shown of each, with a warning that says how it was reframed or why it
            is no chip.
        """
        return [self._take(p.name, p.pixels) for p in pictures if p.pixels is not None]

    def _take(self, path: str, pixels: NDArray[np.uint8]) -> Chip:
        want, have = self._want, _told(path)
        if have is None:
            warning = self._objection(pixels)
        elif want is not None and differ(have, want):
            warning = reframing(have, want, "these chips", self.model)
        else:
            warning = None
        return Chip(in_frame(path, pixels, want, self.size), warning=warning)

    def _objection(self, pixels: NDArray[np.uint8]) -> str | None:
        """Why an image is plainly no chip of the model's frame, as far as that can be told."""
        height, width = pixels.shape[:2]
        if max(height, width) > _MOST_RATIO * min(height, width):
            return f"{width} x {height} pixels are no face chip: its middle square is taken for one"
        if self._want is None or not self._left:
            return None
        self._left -= 1
        where = None
        try:
            detector = self._finder().detector
            [where] = points_in_chips(detector, [decode_image(pixels, _SIDE)], _MIN_FACE)
        except AgekitError:
            self._left = 0
        if where is None:
            return None
        shift = float(np.linalg.norm(where.mean(0) - self._want.mean(0)))
        with suppress(AgekitError):
            scale = zoom(where, self._want)
            if shift <= _MOST_SHIFT and 1 / _MOST_ZOOM <= scale <= _MOST_ZOOM:
                return None
        return (
            f"no chip of the frame of {self.model}: the eyes lie at {eyes(where)}, in the faces it "
            f"was trained on at {eyes(self._want)}"
        )


def in_frame(
    path: str, pixels: NDArray[np.uint8], want: NDArray[np.float64] | None, size: int
) -> NDArray[np.uint8]:
    """An image in a model's frame as far as that is known, (size, size, 3).

    Args:
        path: of the image; empty where it has none.
        pixels: (H, W, 3) RGB.
        want: (5, 2) where the points lie in what the model was trained on; None if not known.
        size: side of the result, pixels.
    """
    have = _told(path)
    if want is None or have is None or not differ(have, want):
        return decode_image(pixels, size)
    return cut_framed(pixels, have, want, size)


def _told(path: str) -> NDArray[np.float64] | None:
    """The places of the points in the chips of a prepared folder, if the image is in one."""
    return _told_above(str(Path(path).parent)) if path else None


@lru_cache(maxsize=256)
def _told_above(folder: str) -> NDArray[np.float64] | None:
    for place in (Path(folder), *Path(folder).absolute().parents):
        manifest = place / MANIFEST
        if manifest.is_file():
            with suppress(AgekitError, OSError):
                return known_points(Manifest.parse(read_text(manifest), str(manifest)).face)
            return None
    return None
