"""The contract of face detectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

__all__ = ["Detection", "Detector", "one_thread"]


@dataclass(frozen=True, eq=False)
class Detection:
    """One face in one image; pixel coordinates, (0, 0) is the upper left corner of the image.

    Attributes:
        box: (4,) float32: x0, y0, x1, y1.
        score: how sure the detector is, 0 to 1.
        points: (5, 2) float32, x and y of: the eye on the image's left, the eye on its right, the
            tip of the nose, the corner of the mouth on the left, the corner on the right; left
            and right as in the image of an upright face.
    """

    box: NDArray[np.float32]
    score: float
    points: NDArray[np.float32]

    @property
    def area(self) -> float:
        """Of the box, in pixels."""
        x0, y0, x1, y1 = map(float, self.box)
        return max(0.0, x1 - x0) * max(0.0, y1 - y0)


class Detector(ABC):
    """Finds faces; made by the registry with the device alone.

    Args:
        device: where its networks run, a torch device or its name.

    Attributes:
        sure: the score from which a face is surely upright. Where none has it, photos may be
            looked at turned as well; at 0 any upright face will do.
    """

    sure: float = 0.0

    def __init__(self, device: Any = "cpu") -> None:
        self._device = device

    @cached_property
    def device(self) -> torch.device:
        """The device as torch has it; torch is imported when it is first asked for."""
        import torch

        return torch.device(self._device)

    @abstractmethod
    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, min_face: float | None = None
    ) -> list[list[Detection]]:
        """Finds the faces of each image.

        Args:
            images: RGB, (H, W, 3) each, of any sizes.
            min_face: side of the smallest face to look for, pixels; None leaves it to the
                detector.

        Returns:
            For each image its faces, the largest first; an empty list where there is none. What
            is found in an image does not depend on the others beyond rounding.
        """


def one_thread(device: str) -> Any:
    """Keeps detectors to one thread of this process, where many processes share the work.

    Returns:
        The device, as torch has it where that is installed; on a CPU not every detector needs it.
    """
    import cv2

    cv2.setNumThreads(1)
    if find_spec("torch") is None:
        return device
    import torch

    torch.set_num_threads(1)
    return torch.device(device)
