"""Faces followed from frame to frame, by where they are and by what they look like."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.plugin import Chip, Face
from agekit_video.smoothing import smoothed

__all__ = ["Sighting", "Track", "Tracker", "likeness", "look"]

Look = NDArray[np.float32]

_SIDE = 24
_COARSE = 6.0
"""Pixels of the blur that is taken away: light and skin are no sign of who it is."""
_OVERLAP = 0.3
"""The least intersection over union of one face in two frames, where it need not be recognised."""
_ALIKE = 0.4
_SURELY_ALIKE = 0.75
"""`likeness` from which it may be, and from which it surely is, the same face. Of faces of two
people 99 in 100 are below 0.7, of frames of one face 99 in 100 above (`benchmarks/video.py`)."""
_PATIENCE = 2.0
"""Seconds for which a face that is not seen is looked for."""
_REACH = 3.0
"""Sides of a face that it may move away in a second and be recognised."""
_CUT = 0.3
"""`likeness` of two whole frames below which the scene has changed."""
_KEPT = 0.5
"""How much of a track's look is from before, at each frame."""


@dataclass(frozen=True)
class Sighting:
    """A face in one frame.

    Args:
        frame: the frame's number.
        seconds: the frame's time.
        face: what was found and estimated, in pixels of the frame.
    """

    frame: int
    seconds: float
    face: Face


@dataclass
class Track:
    """One face through a video.

    Args:
        number: from 1, in the order of appearance.
        look: what the face looks like.
        level: the share of faces that intervals are meant to hold.
        sightings: in order.
    """

    number: int
    look: Look
    level: float | None = None
    sightings: list[Sighting] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _told: tuple[int, tuple[float, tuple[float, float]]] = (0, (0.0, (0.0, 0.0)))

    def see(self, sighting: Sighting, look: Look) -> None:
        """Takes the next sighting, with what the face looks like there."""
        self.sightings.append(sighting)
        self._times.append(sighting.seconds)
        mixed = _KEPT * self.look + (1 - _KEPT) * look
        self.look = np.asarray(mixed / (np.linalg.norm(mixed) + 1e-6), np.float32)

    @property
    def first(self) -> float:
        """Seconds at which it is seen first."""
        return self.sightings[0].seconds

    @property
    def last(self) -> float:
        """Seconds at which it is seen last."""
        return self.sightings[-1].seconds

    def estimate(self) -> tuple[float, tuple[float, float]]:
        """Age and interval by all of its frames so far, years; see `smoothed`."""
        if self._told[0] != len(self.sightings):
            faces = [one.face for one in self.sightings]
            ages, ends = [face.age for face in faces], [face.interval for face in faces]
            self._told = (len(faces), smoothed(self._times, ages, ends, self.level))
        return self._told[1]

    def box_at(self, seconds: float) -> NDArray[np.float64] | None:
        """Its box at a time, on the way between two sightings; None where it is not in sight."""
        times = self._times
        k = bisect_left(times, seconds)
        if k == len(times) or (k == 0 and seconds < times[0]):
            return None
        ends = np.array([one.face.box for one in self.sightings[max(k - 1, 0) : k + 1]], np.float64)
        if len(ends) == 1 or times[k] == seconds:
            return np.asarray(ends[-1])
        if times[k] - times[k - 1] > _PATIENCE:
            return None
        share = (seconds - times[k - 1]) / (times[k] - times[k - 1])
        return np.asarray((1 - share) * ends[0] + share * ends[1])


class Tracker:
    """Follows faces.

    A face goes to the track that fits best: it overlaps where the track is expected, going on as it
    went, and is not unlike it; or is surely alike and within reach, after a quick move or up to two
    seconds out of sight. Where the scene changes only the second counts.

    Args:
        level: the share of faces that intervals are meant to hold.
    """

    def __init__(self, level: float | None = None) -> None:
        self.tracks: list[Track] = []
        self._level = level
        self._numbers = count(1)
        self._scene: Look | None = None

    def add(
        self,
        frame: int,
        seconds: float,
        pixels: NDArray[np.uint8],
        chips: Sequence[Chip],
        faces: Sequence[Face],
    ) -> list[Track]:
        """Takes the faces of the next frame.

        Args:
            frame: its number.
            seconds: its time.
            pixels: (H, W, 3) the frame.
            chips: as they were cut out.
            faces: what was estimated of each; with boxes.

        Returns:
            The track of each face.
        """
        scene = look(pixels)
        cut = self._scene is not None and likeness(self._scene, scene) < _CUT
        self._scene = scene
        looks = [look(chip.pixels) for chip in chips]
        alive = [track for track in self.tracks if seconds - track.last <= _PATIENCE]
        fits = sorted(
            (
                (fit, i, track)
                for i, (face, seen) in enumerate(zip(faces, looks, strict=True))
                for track in alive
                if (fit := _fit(track, seconds, face, seen, cut)) is not None
            ),
            key=lambda one: -one[0],
        )
        found: dict[int, Track] = {}
        for _, i, track in fits:
            if i not in found and track not in found.values():
                found[i] = track
        for i, (face, seen) in enumerate(zip(faces, looks, strict=True)):
            if i not in found:
                found[i] = Track(next(self._numbers), seen, self._level)
                self.tracks.append(found[i])
            found[i].see(Sighting(frame, seconds, face), seen)
        return [found[i] for i in range(len(faces))]


def look(picture: NDArray[np.uint8]) -> Look:
    """The fine structure of a picture, (576,), of length 1: what it looks like in any light.

    Args:
        picture: (H, W, 3) RGB; faces cut out alike are compared by it, and whole frames.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    flat = (small - cv2.GaussianBlur(small, (0, 0), _COARSE)).ravel()
    flat -= flat.mean()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-6), np.float32)


def likeness(one: Look, other: Look) -> float:
    """How alike two looks are, -1 to 1: their correlation."""
    return float(one @ other)


def _fit(track: Track, seconds: float, face: Face, seen: Look, cut: bool) -> float | None:
    """How well a face fits a track; None if it is not the same."""
    alike = likeness(track.look, seen)
    box = np.array(face.box, np.float64)
    before = np.array(track.sightings[-1].face.box, np.float64)
    overlap = _overlap(_expected(track, seconds), box)
    if overlap >= _OVERLAP and alike >= (_SURELY_ALIKE if cut else _ALIKE):
        return overlap + alike
    side, was = (float(np.sqrt(np.prod(b[2:] - b[:2]))) for b in (box, before))
    moved = float(np.linalg.norm((box - before).reshape(2, 2).mean(0)))
    near = moved <= _REACH * max(side, was) * max(seconds - track.last, 0.2)
    if alike >= _SURELY_ALIKE and near and 0.5 <= side / was <= 2:
        return alike
    return None


def _expected(track: Track, seconds: float) -> NDArray[np.float64]:
    """Where a track's box is expected, should it go on as between its last two sightings."""
    *_, last = track.sightings
    box = np.array(last.face.box, np.float64)
    if len(track.sightings) == 1 or seconds - last.seconds > _PATIENCE / 4:
        return box
    before = track.sightings[-2]
    speed = (box - np.array(before.face.box)) / max(last.seconds - before.seconds, 1e-3)
    return np.asarray(box + speed * (seconds - last.seconds))


def _overlap(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union."""
    low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
    shared = float(np.maximum(high - low, 0).prod())
    both = float((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod())
    return shared / (both - shared) if both > shared else 0.0
