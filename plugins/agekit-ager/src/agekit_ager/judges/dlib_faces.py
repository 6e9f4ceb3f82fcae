"""dlib's detector and landmarks, for the networks that were trained on faces cut with them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.extras import absent, package_module
from agekit_ager.judges.padding import enlarge, padded

__all__ = ["DISTRIBUTION", "DlibFace", "DlibFaces", "package_file"]

DISTRIBUTION = "agekit-ager"
"""Its extras bring what judges need."""


def package_file(module: str, path: str, package: str, extra: str) -> Path:
    """A file inside a library of choice, which is not imported.

    Args:
        module: the package's folder.
        path: within the folder.
        package: the distribution that has it.
        extra: the extra of agekit-ager that brings it.

    Raises:
        ConfigError: it is not installed.
    """
    spec = find_spec(module)
    for folder in spec.submodule_search_locations or () if spec else ():
        file = Path(folder, path)
        if file.is_file():
            return file
    raise absent(package, extra, DISTRIBUTION)


@dataclass(frozen=True, eq=False)
class DlibFace:
    """A face that was found.

    Attributes:
        image: (H, W, 3) RGB, what it was found in.
        shape: dlib's landmarks.
        dlib: the module.
    """

    image: NDArray[np.uint8]
    shape: Any
    dlib: Any

    def chip(self, size: int, padding: float) -> NDArray[np.uint8]:
        """The face upright, (size, size, 3), with dlib's padding around it."""
        details = self.dlib.get_face_chip_details(self.shape, size, padding)
        return np.ascontiguousarray(self.dlib.extract_image_chip(self.image, details))


class DlibFaces:
    """Finds the face of a chip.

    Args:
        landmarks: the file of the five-point shape predictor.
        extra: the extra of agekit-ager that brings dlib.

    Raises:
        ConfigError: dlib is not installed.
    """

    def __init__(self, landmarks: Path, extra: str) -> None:
        self.dlib = package_module("dlib", "dlib-bin", extra, DISTRIBUTION)
        self._detector = self.dlib.get_frontal_face_detector()
        self._landmarks = self.dlib.shape_predictor(str(landmarks))

    def find(self, chip: NDArray[np.uint8]) -> DlibFace | None:
        """The largest face in a chip (S, S, 3), or None."""
        image = np.ascontiguousarray(padded(enlarge(chip))[0])
        boxes = self._detector(image, 0)
        if not boxes:
            return None
        return self.mark(image, max(boxes, key=lambda box: box.area()))

    def mark(self, image: NDArray[np.uint8], box: Any) -> DlibFace:
        """The face in a box, a dlib rectangle, of an image (H, W, 3)."""
        return DlibFace(image, self._landmarks(image, box), self.dlib)
