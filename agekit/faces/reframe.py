"""Images shown in another frame: one affine map takes where their faces lie to another place."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from agekit.data.files import EncodedImages
from agekit.data.table import ImageSource
from agekit.faces.align import cut, similarity

__all__ = [
    "MEASURED",
    "TOLERANCE",
    "Reframed",
    "beyond",
    "cut_framed",
    "differ",
    "eyes",
    "reframing",
    "zoom",
]

TOLERANCE = 0.005
"""Of the side: points nearer than that are in one place."""
MEASURED = 0.015
"""The same where one side was measured on a sample."""
MIRRORED = 0.02
"""The share of a chip that may lie beyond its picture without a word."""
_MOST_SIDE = 1024
_GRID = 64


class Reframed:
    """The images of a source, cut so that points which lie in one place come to lie in another.

    Each is cut from all of its pixels, those beside its middle square too; what lies beyond the
    picture is mirrored. Its content key is of the image and of the map, so that the cache holds it
    beside the image as it is.

    Args:
        source: the images.
        have: (5, 2) where the points lie, shares of the side of the middle square.
        want: (5, 2) where they are to lie, shares of the side of what `decode` gives.
    """

    def __init__(
        self, source: ImageSource, have: NDArray[np.float64], want: NDArray[np.float64]
    ) -> None:
        self.source = source
        self.have = have
        self.want = want

    def __len__(self) -> int:
        """The number of images."""
        return len(self.source)

    def name(self, i: int) -> str:
        """The name of image `i` in the source."""
        return self.source.name(i)

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes, of the source's digests and the map."""
        both = np.stack([self.have, self.want]).astype("<f8").tobytes()
        key = hashlib.sha256(b"reframed 1" + both).digest()
        mixed = b"".join(
            hashlib.blake2b(digest.tobytes(), key=key, digest_size=16).digest()
            for digest in self.source.digests()
        )
        return np.frombuffer(mixed, np.uint8).reshape(-1, 16)

    def decode(self, i: int, size: int) -> NDArray[np.uint8]:
        """Image `i` in the new frame, RGB (size, size, 3)."""
        if isinstance(self.source, EncodedImages):
            picture = self.source.decode(i, None)
        else:
            side = round(size * max(1.0, zoom(self.have, self.want)))
            picture = self.source.decode(i, min(side, _MOST_SIDE))
        return cut_framed(picture, self.have, self.want, size)

    def take(self, index: NDArray[np.int64]) -> Reframed:
        """The images of `index`, in that order, in the same frame."""
        return Reframed(self.source.take(index), self.have, self.want)


def cut_framed(
    picture: NDArray[np.uint8], have: NDArray[np.float64], want: NDArray[np.float64], size: int
) -> NDArray[np.uint8]:
    """The face of an image in another frame, cut from all of its pixels.

    Args:
        picture: (H, W, 3) RGB.
        have: (5, 2) where the points lie, shares of the side of the middle square.
        want: (5, 2) where they are to lie, shares of `size`.
        size: side of the result, pixels.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    corner = np.array([width - side, height - side]) / 2
    return cut(picture, have * side + corner, want, size)


def zoom(have: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    """The scale of a face from where its points lie on `have` to `want`, as shares of the side."""
    there = similarity(have, want)
    return float(np.hypot(there[0, 0], there[1, 0]))


def beyond(have: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    """The share of a reframed square image that lies beyond the picture, 0 to 1."""
    back = similarity(want, have)
    ticks = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(ticks, ticks)
    seen = np.stack([x.ravel(), y.ravel()], 1) @ back[:, :2].T + back[:, 2]
    return float(((seen < 0) | (seen > 1)).any(1).mean())


def differ(
    have: NDArray[np.float64], want: NDArray[np.float64], tolerance: float = TOLERANCE
) -> bool:
    """Whether points are not in one place, for a model."""
    return bool(np.abs(have - want).max() > tolerance)


def reframing(have: NDArray[np.float64], want: NDArray[np.float64], data: str, model: str) -> str:
    """The line that says how faces are reframed.

    Args:
        have: (5, 2) where the points lie, shares of the side.
        want: (5, 2) where they are to lie.
        data: what to call the images.
        model: what to call the model.
    """
    lost = beyond(have, want)
    return (
        f"faces reframed: the eyes lie at {eyes(have)} in {data}, at {eyes(want)} in the faces of "
        f"{model}; scale {zoom(have, want):.2f}"
    ) + (f"; {lost:.0%} of each lies beyond the image and is mirrored" if lost > MIRRORED else "")


def eyes(points: NDArray[np.float64]) -> str:
    """The place of the eyes, in percent of the side from the left and from the top."""
    return " and ".join(f"({x:.0%}, {y:.0%})" for x, y in points[:2])
