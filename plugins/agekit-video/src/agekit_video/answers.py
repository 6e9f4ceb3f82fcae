"""Answers about videos: lines for people, JSON, rows of CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from agekit.cli.output import printable
from agekit.data.sheet import csv_cell
from agekit_video.tracks import Track

__all__ = ["COLUMNS", "Answer", "lines", "rows"]

COLUMNS = (
    *("path", "track", "frame", "seconds", "age", "low", "high", "x0", "y0", "x1", "y1"),
    *("score", "upright", "track_age", "track_low", "track_high", "error"),
)


@dataclass
class Answer:
    """What was found in one video.

    Args:
        path: its own, or the name of the camera.
        size: (width, height) of its upright frames, pixels.
        seconds: the time of the last frame that was looked at.
        frames: how many were looked at.
        tracks: the faces, in the order of their appearance.
        error: why it could not be read.
        notes: what people should know of how it was read.
    """

    path: str
    size: tuple[int, int] | None = None
    seconds: float = 0.0
    frames: int = 0
    tracks: Sequence[Track] = ()
    error: str | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "path": self.path,
            "size": self.size,
            "seconds": round(self.seconds, 3),
            "frames": self.frames,
            "tracks": [_track(track) for track in self.tracks],
            "notes": self.notes,
            "error": self.error,
        }


def _track(track: Track) -> dict[str, Any]:
    age, interval = track.estimate()
    largest = max(track.sightings, key=lambda one: _area(one.face.box))
    return {
        "track": track.number,
        "first": round(track.first, 3),
        "last": round(track.last, 3),
        "frames": len(track.sightings),
        "age": round(age, 2),
        "interval": [round(end, 2) for end in interval],
        "largest": {"seconds": round(largest.seconds, 3), **largest.face.to_dict()},
    }


def _area(box: Any) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def lines(answer: Answer) -> None:
    """A line for each face on stdout."""
    path = printable(answer.path)
    if not answer.tracks and answer.error is None:
        click.echo(f"{path}: no face found")
    for track in answer.tracks:
        age, (low, high) = track.estimate()
        which = "" if len(answer.tracks) == 1 else f"face {track.number} of {len(answer.tracks)}: "
        seen = f"{_time(track.first)} to {_time(track.last)}, {len(track.sightings)} frames"
        seen = f"{_time(track.first)}, 1 frame" if len(track.sightings) == 1 else seen
        click.echo(f"{path}: {which}{age:.1f} years ({low:.0f}-{high:.0f}), {seen}")


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:.0f}:{rest:04.1f}"


def rows(answer: Answer, write: Callable[[Sequence[object]], object]) -> None:
    """Writes a row of `COLUMNS` for each face of each frame; one for a video without."""
    path = csv_cell(answer.path)
    found = [(one.frame, track, one) for track in answer.tracks for one in track.sightings]
    for frame, track, one in sorted(found, key=lambda row: (row[0], row[1].number)):
        face = one.face
        age, ends = track.estimate()
        years = [f"{value:.2f}" for value in (face.age, *face.interval)]
        box = [f"{end:.1f}" for end in face.box or ()]
        score = "" if face.score is None else f"{face.score:.4f}"
        upright = {None: "", True: "1", False: "0"}[face.upright]
        whole = [f"{value:.2f}" for value in (age, *ends)]
        start = [path, track.number, frame, f"{one.seconds:.3f}"]
        write([*start, *years, *box, score, upright, *whole, ""])
    if not found:
        write([path, *[""] * (len(COLUMNS) - 2), csv_cell(answer.error or "")])
