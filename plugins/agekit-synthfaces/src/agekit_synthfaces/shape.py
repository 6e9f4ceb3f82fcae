"""The places of a face's parts: from the mean grown face to one person at one age in one pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agekit_synthfaces.canvas import spline
from agekit_synthfaces.cues import Cues
from agekit_synthfaces.growth import ADULT_STRAIN, grow
from agekit_synthfaces.identity import Person

__all__ = ["CHIN", "EYE", "TOP", "Pose", "Shape", "mirror"]

TOP, EYE, CHIN = -0.80, -0.03, 0.735
"""Heights of the crown, the pupils and the chin of the mean grown face, face units, y down."""

_OUTLINE = np.array(
    [[0, -0.80], [0.2, -0.775], [0.375, -0.675], [0.495, -0.49], [0.54, -0.25], [0.537, 0.0],
     [0.512, 0.20], [0.455, 0.40], [0.352, 0.57], [0.226, 0.682], [0.108, 0.727]]
)  # fmt: skip

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """How the face is held: turns in radians, expression from 0 (none) to 1.

    Attributes:
        yaw: turn to the side.
        pitch: nod.
        smile: -0.3 (sad) to 1.
        jaw_open: 0 to 1.
        squint: 0 to 1.
        brow_raise: -1 (frown) to 1.
        gaze: where the pupils look, -1 to 1.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    smile: float = 0.35
    jaw_open: float = 0.0
    squint: float = 0.0
    brow_raise: float = 0.0
    gaze: float = 0.0


class Shape:
    """Places points of the mean grown face on the face of a person at an age, in a pose.

    Args:
        who: the person.
        cues: what age has done.
        pose: how the face is held.

    Attributes:
        across: local size across the face over that of the mean grown face.
        down: the same, along the face.
        local: both, (2,).
        outline: the contour of skull and jaw (N, 2), clockwise from the crown.
        crown: y of the crown after placing.
        chin: y of the chin after placing.
    """

    def __init__(self, who: Person, cues: Cues, pose: Pose) -> None:
        self.who, self.cues, self.pose = who, cues, pose
        self._scale, self._shift = 1.0, 0.0
        ends = self._strained(np.array([[0.0, TOP], [0.0, CHIN]]))
        height = ends[1, 1] - ends[0, 1]
        wanted = (CHIN - TOP) * (1 - 0.07 * cues.childhood)
        self._scale = wanted / height
        self._shift = (TOP + CHIN) / 2 - self._scale * (ends[0, 1] + ends[1, 1]) / 2
        probe = self.place([np.array([[-0.2, 0.1], [0.2, 0.1], [0, TOP], [0, EYE], [0, CHIN]])])[0]
        self.across = float(probe[1, 0] - probe[0, 0]) / 0.4
        self.down = float(probe[4, 1] - probe[3, 1]) / (CHIN - EYE)
        self.local = np.array([self.across, self.down])
        self.crown, self.chin = float(probe[2, 1]), float(probe[4, 1])
        self.outline = self.place([self._contour()])[0]

    def place(self, groups: Sequence[Points], depth: float | None = None) -> list[Points]:
        """Places groups of points at once.

        Args:
            groups: arrays (N_i, 2) in units of the mean grown face.
            depth: how far towards the camera the points lie; by default that of the face there.

        Returns:
            The placed groups, in canvas units.
        """
        points = self._strained(np.concatenate(groups))
        points[:, 0] *= self._scale
        points[:, 1] = points[:, 1] * self._scale + self._shift
        if self.pose.yaw or self.pose.pitch:
            x, y = points[:, 0], points[:, 1]
            near = 0.42 * np.sqrt(np.maximum(0, 1 - (x / 0.58) ** 2 - ((y + 0.03) / 0.9) ** 2))
            near = near if depth is None else np.full_like(x, depth)
            points[:, 0] = x * np.cos(self.pose.yaw) + near * np.sin(self.pose.yaw)
            points[:, 1] = y + near * self.pose.pitch
        placed, start = [], 0
        for group in groups:
            placed.append(points[start : start + len(group)])
            start += len(group)
        return placed

    def _strained(self, points: Points) -> Points:
        who, cues = self.who, self.cues
        x, y = points[:, 0], points[:, 1]
        low = np.minimum(np.maximum((y - EYE) * (1 / (CHIN - EYE)), 0), 1.3)
        middle = np.exp(-20.0 * (y - 0.1) ** 2)
        jaw = (who.jaw - 1) * (0.3 + 0.7 * cues.adult) * who.width
        own = np.empty_like(points)
        own[:, 0] = x * (who.width + jaw * low + (who.cheek - 1) * who.width * middle)
        own[:, 1] = y + (y - EYE) * (who.length - 1) * low
        return grow(own, min(cues.strain, ADULT_STRAIN))

    def _contour(self) -> Points:
        who, cues = self.who, self.cues
        side = _OUTLINE.copy()
        baby = cues.infancy
        y = side[:, 1]
        full = 0.035 * who.fat * (0.4 + 0.6 * cues.adult) + 0.08 * baby + 0.06 * cues.childhood
        full += 0.05 * cues.sag - 0.035 * cues.hollow
        side[:, 0] *= 1 + full * np.exp(-(((y - 0.38) / 0.25) ** 2))
        side[:, 0] *= 1 - 0.04 * cues.hollow * np.exp(-(((y + 0.3) / 0.15) ** 2))
        side[:, 0] += 0.042 * cues.sag * np.exp(-(((y - 0.54) / 0.12) ** 2))
        side[-2:, 0] *= who.chin * (1 - 0.1 * cues.childhood)
        side[:, 1] += 0.035 * self.pose.jaw_open * np.clip(y / CHIN, 0, 1) ** 2
        chin = np.array([[0.0, CHIN + 0.035 * self.pose.jaw_open]])
        left = mirror(side[:0:-1])
        return spline(np.concatenate([side, chin, left]), closed=True, steps=4)


def mirror(points: Points) -> Points:
    """The same points on the other half of the face."""
    mirrored: Points = points * np.array([-1.0, 1.0])
    return mirrored
