"""How the faces of a run were cut, so that those of photos are cut alike."""

from __future__ import annotations

import numpy as np

from agekit.data.derived import FaceCut
from agekit.faces.framing import measure_cut
from agekit.registry import DETECTORS
from agekit.training.domain_faces import DomainFaces
from agekit.training.faces import TrainingFaces

__all__ = ["face_cut"]

DETECTOR = "mtcnn"
SAMPLES = 48
SIZE = 160


def face_cut(data: TrainingFaces | DomainFaces) -> FaceCut:
    """As the data says, or else as it is measured on some of the images."""
    faces = data.faces
    if faces.face.align != "chips":
        return faces.face
    images = faces.table.images
    rows = faces.rows("all")
    chosen = np.unique(np.linspace(0, len(rows) - 1, SAMPLES).round().astype(int))
    unusable = {problem.name for problem in data.problems}
    chips = [
        images.decode(int(row), SIZE)
        for row in rows[chosen]
        if images.name(int(row)) not in unusable
    ]
    return measure_cut(DETECTORS.get(DETECTOR)(data.device), DETECTOR, chips)
