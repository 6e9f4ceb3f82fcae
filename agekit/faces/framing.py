"""The frame of chips: measured where nothing is known of it, and changed to another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from agekit.atomic import write_text
from agekit.data.alignment import Alignment
from agekit.data.files import EncodedImages
from agekit.data.home import cache_home
from agekit.data.split import Faces
from agekit.data.table import ImageSource
from agekit.errors import DataError, UnknownNameError
from agekit.faces.align import TEMPLATE, cut, cut_framed, eyes, known_points, zoom
from agekit.faces.base import Detector
from agekit.registry import DETECTORS
from agekit.scope import within

__all__ = [
    "LOOSE",
    "CutByPoints",
    "Measured",
    "Reframed",
    "measure_alignment",
    "measure_dataset",
    "points_in_chips",
]

PAD = 0.3
"""Of the side, around a chip: detectors want to see more than a tight face."""
MIN_FACE = 0.25
MIN_SHARE = 0.5
"""Of the chips, in which a face must be found before anything is said of them all."""
MAX_SPREAD = 0.05
"""Of the side: faces farther apart lie in no common place."""
LOOSE = 0.024
"""Of the side, of the eyes: aligned chips stay below, photos of one head each go beyond."""
SAMPLES = 48
"""Images of a dataset that are measured, each scaled to `SIZE` pixels."""
SIZE = 160
MIRRORED = (1, 0, 2, 4, 3)
"""The five points in the order in which a mirror shows them."""
_MOST_SIDE = 1024
"""Of pictures that are drawn, not read, at whatever size they are asked for."""


class Measured(BaseModel):
    """The place of faces in chips, and how far they lie from there.

    Attributes:
        alignment: with points, where there is a common place.
        spread: the median distance of the eyes from theirs, shares of the side; the larger one.
    """

    alignment: Alignment
    spread: float = 0.0


def measure_alignment(
    detector: Detector, name: str, chips: Sequence[NDArray[np.uint8]]
) -> Measured:
    """Finds where the eyes, nose and mouth usually lie in chips.

    Args:
        detector: finds the five points.
        name: its registry name.
        chips: (S, S, 3) RGB each; a few dozen will do.

    Returns:
        ``five-points`` with the median positions, made symmetric, if at least half of the chips
        show a face and its points are within 5 % of the side of the median place (half of them,
        that is: the median distance); else ``chips`` without points.
    """
    found = points_in_chips(detector, chips)
    points = np.array([where for where in found if where is not None])
    if len(points) < max(1.0, MIN_SHARE * len(chips)):
        return Measured(alignment=Alignment(detector=name))
    median = np.median(points, axis=0)
    spread = np.median(np.linalg.norm(points - median, axis=2), axis=0)
    if spread.max() > MAX_SPREAD:
        return Measured(alignment=Alignment(detector=name))
    mirrored = median[list(MIRRORED)] * [-1, 1] + [1, 0]
    middle = (median + mirrored) / 2
    margin = (_eyes(TEMPLATE) / _eyes(middle) - 1) / 2
    alignment = Alignment(
        align="five-points",
        detector=name,
        margin=round(float(margin), 3),
        points=tuple((round(float(x), 4), round(float(y), 4)) for x, y in middle),  # type: ignore[arg-type]
    )
    return Measured(alignment=alignment, spread=float(spread[:2].max()))


def measure_dataset(faces: Faces, name: str, device: Any) -> tuple[Measured, str]:
    """The alignment of some of the images, remembered by their content, and a line about it."""
    rows = faces.rows("all")
    chosen = np.unique(np.linspace(0, len(rows) - 1, SAMPLES).round().astype(int))
    images = faces.table.images.take(rows[chosen])
    what = f"where the eyes, nose and mouth lie in the images of {faces.dataset}"
    try:
        with within():
            entry = DETECTORS.find(name)
    except UnknownNameError as error:
        return Measured(alignment=Alignment(detector=name)), f"{what} is not known: {error.message}"
    text = f"{SIZE} {entry.provider} {name}\n".encode()
    key = hashlib.blake2b(text + images.digests().tobytes(), digest_size=16).hexdigest()
    memory = cache_home() / "alignments" / f"{key}.json"
    found = None
    with suppress(OSError, ValidationError):
        found = Measured.model_validate_json(memory.read_bytes())
    if found is None:
        chips = []
        for i in range(len(images)):
            with suppress(DataError, OSError):
                chips.append(images.decode(i, SIZE))
        with within([entry.distribution]):
            maker = DETECTORS.get(name)
        found = measure_alignment(maker(device), name, chips)
        with suppress(OSError):
            write_text(memory, found.model_dump_json())
    points = known_points(found.alignment)
    if points is None:
        return found, f"{what} is not known: {name} finds no common place in {len(images)} of them"
    return found, f"{what} was measured by {name} on {len(images)} of them: eyes at {eyes(points)}"


def points_in_chips(
    detector: Detector, chips: Sequence[NDArray[np.uint8]], min_face: float = MIN_FACE
) -> list[NDArray[np.float64] | None]:
    """The five points of the largest face of each chip.

    Args:
        detector: finds them.
        chips: (S, S, 3) RGB each, all of one size.
        min_face: side of the smallest face to look for, as a share of S.

    Returns:
        (5, 2) shares of the side each; None where no face is found.
    """
    if not chips:
        return []
    side = chips[0].shape[0]
    pad = round(PAD * side)
    padded = [np.pad(chip, ((pad, pad), (pad, pad), (0, 0)), mode="edge") for chip in chips]
    faces = detector.detect(padded, min_face=min_face * side)
    return [(one[0].points - pad) / side if one else None for one in faces]


def _eyes(points: NDArray[np.float64]) -> float:
    """The distance of the eyes."""
    return float(np.linalg.norm(points[1] - points[0]))


class _Cut:
    """Images of a source, each cut from one of its own."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source

    def __len__(self) -> int:
        """The number of images."""
        return len(self.source)

    def name(self, i: int) -> str:
        """The name of image `i` in the source."""
        return self.source.name(i)


class Reframed(_Cut):
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
        super().__init__(source)
        self.have = have
        self.want = want

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes, of the source's digests and the map."""
        both = np.stack([self.have, self.want]).astype("<f8").tobytes()
        return _mixed(b"reframed 1" + both, (d.tobytes() for d in self.source.digests()))

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


class CutByPoints(_Cut):
    """The faces of photos, each cut so that its own five points come to lie in one place.

    Its content key is of the photo, of its points and of the place.

    Args:
        source: whole photos, N.
        points: (N, 5, 2) pixels of the whole photo; those of a face that are not finite are not
            known, and it cannot be cut.
        want: (5, 2) where they are to lie, shares of the side of what `decode` gives.
    """

    source: EncodedImages

    def __init__(
        self, source: EncodedImages, points: NDArray[np.float32], want: NDArray[np.float64]
    ) -> None:
        super().__init__(source)
        self.points = points
        self.want = want

    def digests(self) -> NDArray[np.uint8]:
        """(N, 16) bytes, of the photos' digests, the points and the place."""
        points = self.points.astype("<f4")
        return _mixed(
            b"cut by points 1" + self.want.astype("<f8").tobytes(),
            (d.tobytes() + p.tobytes() for d, p in zip(self.source.digests(), points, strict=True)),
        )

    def decode(self, i: int, size: int) -> NDArray[np.uint8]:
        """The face of photo `i`, RGB (size, size, 3).

        Raises:
            DataError: its points are not known, make no face, or lie beside the photo.
        """
        if not np.isfinite(self.points[i]).all():
            raise DataError("where its eyes, nose and mouth lie is not known")
        return cut(self.source.decode(i, None), self.points[i], self.want, size)

    def take(self, index: NDArray[np.int64]) -> CutByPoints:
        """The faces of `index`, in that order."""
        return CutByPoints(self.source.take(index), self.points[index], self.want)


def _mixed(how: bytes, keys: Iterable[bytes]) -> NDArray[np.uint8]:
    """Content keys of images that are made of others in a way, (N, 16)."""
    key = hashlib.sha256(how).digest()
    mixed = b"".join(hashlib.blake2b(k, key=key, digest_size=16).digest() for k in keys)
    return np.frombuffer(mixed, np.uint8).reshape(-1, 16)
