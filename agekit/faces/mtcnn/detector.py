"""MTCNN as a detector (Zhang, Zhang, Li and Qiao 2016, arXiv 1604.02878)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.errors import ConfigError, DataError
from agekit.faces.base import Detection, Detector
from agekit.faces.mtcnn.candidates import Candidates
from agekit.faces.mtcnn.cascade import WINDOW, Cascade
from agekit.faces.mtcnn.engines import onnx_networks, torch_networks
from agekit.faces.mtcnn.pyramid import Pyramid

__all__ = ["Mtcnn"]

_MIN_FACE = 20.0
_SURE = 0.997
"""Upright faces mostly have 0.999 and more; upside down they are found too, with 0.7 to 0.995 and
points in wrong places."""
_MIN_SHARE = 1 / 40
_SHARPEST = 48.0
"""Side in pixels at which the last network sees a face."""
_PIXELS = 4_000_000
"""Of the pictures whose faces are refined together."""


class Mtcnn(Detector):
    """Finds faces from about 20 pixels up, upright to about 30 degrees off.

    Left to itself it looks for faces down to 20 pixels or a fortieth of the image's short side,
    whichever is larger. Boxes may reach out of the image where a face does. An image is scaled
    down first where that leaves the smallest face looked for 48 pixels, which is all that the
    last network sees of any face; boxes and points are of the image as given.

    Args:
        device: where the networks run, in single precision: the CPU by ONNX Runtime, any other
            by torch.
        thresholds: the least probability of a face after each of the three stages.
        factor: of the face sizes of neighbouring levels of the pyramid.

    Raises:
        ModelError: the weights are missing or damaged.
    """

    sure = _SURE

    def __init__(
        self,
        device: Any = "cpu",
        *,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
    ) -> None:
        super().__init__(device)
        networks = onnx_networks() if str(device) == "cpu" else torch_networks(device)
        self.cascade = Cascade(networks, thresholds, factor)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, min_face: float | None = None
    ) -> list[list[Detection]]:
        """Finds the faces of each image.

        Args:
            images: RGB, (H, W, 3) each, of any sizes; those of one size run faster.
            min_face: side of the smallest face to look for, pixels, at least 12.

        Returns:
            For each image its faces, the largest first.

        Raises:
            ConfigError: `min_face` is too small.
            DataError: an image is not RGB of 8 bits.
        """
        if min_face is not None and not min_face >= WINDOW:
            raise ConfigError(
                f"a smallest face of {min_face} pixels is too small for the detector mtcnn",
                f"use {WINDOW} or more, or enlarge the image",
            )
        out: list[list[Detection]] = [[] for _ in images]
        for part in _rounds(images, min_face):
            found = self.cascade([Pyramid(p.pixels) for p in part], [p.min_face for p in part])
            for picture, faces in zip(part, found, strict=True):
                out[picture.index] = picture.detections(faces)
        return out


@dataclass(frozen=True)
class _Picture:
    """An image, ready for the networks.

    Attributes:
        index: its number in the call.
        pixels: (h, w, 3), scaled down where it is large.
        scale: (2,) of those pixels to the image's own, along x and y.
        min_face: in those pixels.
    """

    index: int
    pixels: NDArray[np.uint8]
    scale: NDArray[np.float32]
    min_face: float

    def detections(self, found: Candidates) -> list[Detection]:
        """The faces in the image's own pixels, the largest first."""
        boxes, points = found.boxes * np.tile(self.scale, 2), found.points * self.scale
        faces = map(Detection, boxes, found.scores.tolist(), points)
        return sorted(faces, key=lambda face: -face.area)


def _rounds(
    images: Sequence[NDArray[np.uint8]], min_face: float | None
) -> Iterator[list[_Picture]]:
    """The images that have pixels, about `_PIXELS` at a time."""
    part: list[_Picture] = []
    for i, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DataError(
                f"image {i} is an array of {image.dtype} {image.shape}",
                "pass uint8 (H, W, 3) in RGB order",
            )
        if image.size:
            part.append(_picture(i, image, min_face))
        if sum(picture.pixels.size // 3 for picture in part) >= _PIXELS:
            yield part
            part = []
    if part:
        yield part


def _picture(index: int, image: NDArray[np.uint8], min_face: float | None) -> _Picture:
    height, width = image.shape[:2]
    face = min_face or max(_MIN_FACE, min(height, width) * _MIN_SHARE)
    scale = min(1.0, _SHARPEST / face)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
        image = np.asarray(small, np.uint8)
    back = np.array([width / size[0], height / size[1]], np.float32)
    return _Picture(index, image, back, face * scale)
