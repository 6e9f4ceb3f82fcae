"""The person that is drawn: everything about them that does not change with age."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.bootstrap import mean_interval
from agekit_ager.judges.dlib_faces import DlibFaces, package_file

__all__ = ["DlibIdentity", "likeness"]

EXTRA = "identity"
PACKAGE = "face-recognition-models"
LENGTH = 128
SAME = 0.6
"""The distance below which dlib's authors take two faces for one person's."""


class DlibIdentity:
    """The face recognition network of dlib-models, from ``face-recognition-models``.

    Raises:
        ConfigError: that package or dlib is not installed.
    """

    name = "dlib_face_recognition_resnet_model_v1"
    size, padding = 150, 0.25

    def __init__(self) -> None:
        landmarks, network = (
            package_file("face_recognition_models", f"models/{name}.dat", PACKAGE, EXTRA)
            for name in ("shape_predictor_5_face_landmarks", self.name)
        )
        self.faces = DlibFaces(landmarks, EXTRA)
        self._network = self.faces.dlib.face_recognition_model_v1(str(network))

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Chips (N, S, S, 3) to (N, 128), NaN where no face is found."""
        faces = [self.faces.find(chip) for chip in chips]
        found = np.array([face is not None for face in faces], bool)
        out = np.full((len(chips), LENGTH), np.nan)
        if found.any():
            aligned = [face.chip(self.size, self.padding) for face in faces if face is not None]
            out[found] = np.array(self._network.compute_face_descriptor(aligned))
        return out


def likeness(
    before: NDArray[np.float64], after: NDArray[np.float64], seed: int = 0
) -> dict[str, Any]:
    """How alike faces are to themselves when aged.

    Args:
        before: (N, F), NaN where no face was found.
        after: (N, F) likewise, of the same faces aged.
        seed: of the bootstrap.

    Returns:
        ``n`` pairs with both, ``skipped`` the others, the mean ``cosine`` and its 95 %
        ``interval``; ``others``, the mean cosine of each face and another one, both as they were,
        to compare it with; ``same``, the pairs nearer than 0.6, in %; ``nearer``, than how many of
        the others as they were an aged face is more like its own photo, in %. None where there is
        nothing to count.
    """
    found = np.isfinite(before[:, 0]) & np.isfinite(after[:, 0])
    mine, aged = before[found], after[found]
    n = len(mine)
    cosine = _cosine(mine, aged)
    other = np.roll(mine, max(1, n // 2), axis=0)
    near = np.linalg.norm(mine - aged, axis=1) < SAME
    beaten = [(_cosine(face, mine) < own).sum() for face, own in zip(aged, cosine, strict=True)]
    return {
        "n": n,
        "skipped": int((~found).sum()),
        "cosine": float(cosine.mean()) if n else None,
        "interval": mean_interval(cosine, seed),
        "others": float(_cosine(mine, other).mean()) if n > 1 else None,
        "same": float(100 * near.mean()) if n else None,
        "nearer": float(100 * np.mean(beaten) / (n - 1)) if n > 1 else None,
    }


def _cosine(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    out: NDArray[np.float64] = (x * y).sum(-1) / lengths
    return out
