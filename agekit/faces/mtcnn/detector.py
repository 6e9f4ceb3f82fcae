"""MTCNN as a detector (Zhang, Zhang, Li and Qiao 2016, arXiv 1604.02878)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from agekit.errors import ConfigError, DataError
from agekit.faces.base import Detection, Detector
from agekit.faces.mtcnn.cascade import WINDOW, Cascade
from agekit.faces.mtcnn.found import Found
from agekit.faces.mtcnn.pyramid import Pyramid

__all__ = ["Mtcnn"]

_MIN_FACE = 20.0
_MIN_SHARE = 1 / 40
_SHARPEST = 48.0
_PIXELS = {"cpu": 4_000_000, "cuda": 32_000_000}


class Mtcnn(Detector):
    """Finds faces from about 20 pixels up, upright to about 30 degrees off.

    Left to itself it looks for faces down to 20 pixels or a fortieth of the image's short side,
    whichever is larger. Boxes may reach out of the image where a face does. An image is scaled
    down first where that leaves the smallest face looked for 48 pixels, which is all that the
    last network sees of any face; boxes and points are of the image as given.

    Args:
        device: where the networks run, in single precision.
        thresholds: the least probability of a face after each of the three stages.
        factor: of the face sizes of neighbouring levels of the pyramid.

    Raises:
        ModelError: the weights are missing or damaged.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        *,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
    ) -> None:
        super().__init__(device)
        self.cascade = Cascade(thresholds, factor).to(self.device)

    @torch.inference_mode()
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
        with _single_precision(self.device):
            for stacks in _rounds(images, min_face, _PIXELS.get(self.device.type, 4_000_000)):
                pyramids = [Pyramid(torch.from_numpy(s.pixels).to(self.device)) for s in stacks]
                found = self.cascade(pyramids, [s.min_face for s in stacks])
                for stack, faces in zip(stacks, found, strict=True):
                    for i, detections in stack.sorted_out(faces).items():
                        out[i] = detections
        return out


@dataclass(frozen=True)
class _Stack:
    """Images of one size, ready for the networks.

    Attributes:
        index: the number of each in the call.
        pixels: (N, h, w, 3), scaled down where they are large.
        scale: (2,) of those pixels to the images' own, along x and y.
        min_face: in those pixels.
    """

    index: list[int]
    pixels: NDArray[np.uint8]
    scale: NDArray[np.float32]
    min_face: float

    def sorted_out(self, found: Found) -> dict[int, list[Detection]]:
        """The faces of each image, in its own pixels, the largest first."""
        out: dict[int, list[Detection]] = {}
        boxes = found.boxes.cpu().numpy() * np.tile(self.scale, 2)
        points = found.points.cpu().numpy() * self.scale
        scores = found.scores.tolist()
        for k, owner in enumerate(found.owner.tolist()):
            face = Detection(boxes[k], scores[k], points[k])
            out.setdefault(self.index[owner], []).append(face)
        return {i: sorted(faces, key=lambda f: -f.area) for i, faces in out.items()}


def _rounds(
    images: Sequence[NDArray[np.uint8]], min_face: float | None, pixels: int
) -> Iterator[list[_Stack]]:
    """The images as stacks of one size each, about `pixels` in all at a time."""
    same: dict[tuple[int, int], list[int]] = {}
    for i, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DataError(
                f"image {i} is an array of {image.dtype} {image.shape}",
                "pass uint8 (H, W, 3) in RGB order",
            )
        if image.size:
            same.setdefault((image.shape[0], image.shape[1]), []).append(i)
    stacks: list[_Stack] = []
    room = pixels
    for (height, width), index in same.items():
        face = min_face or max(_MIN_FACE, min(height, width) * _MIN_SHARE)
        scale = min(1.0, _SHARPEST / face)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        while index:
            count = max(1, room // (size[0] * size[1]))
            chosen, index = index[:count], index[count:]
            small = np.stack([_scaled_down(images[i], size) for i in chosen])
            back = np.array([width / size[0], height / size[1]], np.float32)
            stacks.append(_Stack(chosen, small, back, face * scale))
            room -= small.size // 3
            if room <= 0 or index:
                yield stacks
                stacks, room = [], pixels
    if stacks:
        yield stacks


def _scaled_down(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image at a size (width, height), each pixel the mean of those it covers."""
    if size == (image.shape[1], image.shape[0]):
        return image
    image = np.ascontiguousarray(image)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _single_precision(device: torch.device) -> AbstractContextManager[None]:
    """Keeps cuDNN from TF32, and from trying out algorithms for every new size of image."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
