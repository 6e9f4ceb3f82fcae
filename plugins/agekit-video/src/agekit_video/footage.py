"""Frames of videos and cameras, with the times at which they are shown."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import check_pixels

__all__ = ["USUAL_FPS", "Capture", "Footage", "Frame", "begins_as_video", "check_name", "is_video"]

Pixels = NDArray[np.uint8]
Capture: TypeAlias = Any
"""A `cv2.VideoCapture`, or what does the same."""

USUAL_FPS = 25.0
"""Frames a second where none are told."""
_MOST_FPS = 240.0
_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".3gp", ".ogv", ".flv", ".wmv", ".vob"}
)
_MAGICS = (
    (0, b"\x1aE\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    (0, b"FLV"),
    (0, b"OggS"),
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"\x00\x00\x01\xb3"),
    (0, b"0&\xb2u"),  # ASF, WMV
    *((4, kind) for kind in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")),
)
_STILL = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_SYNC, _PACKETS = 0x47, (188, 192)
"""Of MPEG transport streams, with a time before each packet or without."""
_READS = "use MP4, MOV, MKV, WebM, AVI, MPEG, Ogg, FLV or WMV; `ffmpeg -i FILE out.mp4` converts"
_QUIET = {
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "protocol_whitelist;file",
}
"""What is wrong is told by us, once; and what a file refers to elsewhere is not opened."""


def begins_as_video(path: str) -> bool:
    """Whether a file's first bytes are those of a video that is read here."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(2 * max(_PACKETS))
    except (OSError, ValueError):
        return False
    if any(head[at:].startswith(magic) for at, magic in _MAGICS):
        return head[4:8] != b"ftyp" or head[8:12] not in _STILL
    return any(
        len(head) > at + size and head[at] == head[at + size] == _SYNC
        for at, size in zip((0, 4), _PACKETS, strict=True)
    )


def is_video(path: str) -> bool:
    """Whether it is for this package: by its first bytes where it is there, else by its ending."""
    if os.path.exists(path) and not os.path.isfile(path):
        return False
    named = os.path.splitext(path)[1].lower() in _SUFFIXES
    return begins_as_video(path) or (named and not _is_other(path))


def check_name(path: str) -> None:
    """Refuses a name that OpenCV cannot take: one that is not UTF-8 ends the process.

    Raises:
        DataError: as said.
    """
    try:
        os.path.abspath(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"{path}: the name is not UTF-8, which OpenCV needs", "rename it") from None


def _is_other(path: str) -> bool:
    """Whether a file begins as an image or as text that `agekit predict` has its own words for."""
    with suppress(OSError, ValueError), open(path, "rb") as file:
        return file.read(4).startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*", b"MM"))
    return False


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Args:
        number: from 0.
        seconds: when it is shown, after the first.
        pixels: (H, W, 3) uint8, RGB, upright as far as the file says how it is turned.
    """

    number: int
    seconds: float
    pixels: Pixels


@dataclass
class Footage:
    """A video or a camera that is open; a context that closes it.

    Args:
        name: what to call it.
        capture: what reads it.
        clock: gives the seconds of a frame that was just grabbed; None takes the container's.
        read: how many frames were read so far.
        notes: what people should know of how it was read.
    """

    name: str
    capture: Capture
    clock: Callable[[], float] | None = None
    read: int = 0
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of_file(cls, path: str) -> Self:
        """Opens a video file.

        Raises:
            DataError: it is not there, no video, damaged, without pictures, or of too many pixels.
        """
        try:
            size = os.stat(path).st_size
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: cannot be read: {getattr(error, 'strerror', error)}"
            ) from None
        if not os.path.isfile(path):
            raise DataError(f"{path}: is no file")
        if size == 0:
            raise DataError(f"{path}: the file is empty")
        if not os.access(path, os.R_OK):
            raise DataError(f"{path}: cannot be read: Permission denied")
        if not begins_as_video(path):
            raise DataError(f"{path}: not a video agekit reads", _READS)
        check_name(path)
        _be_quiet()
        capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
        opened = cls(path, capture)
        width, height = (
            int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not capture.isOpened() or width <= 0 or height <= 0:
            capture.release()
            raise DataError(
                f"{path}: no video can be read from it: it is damaged, cut off, or has only sound",
                "play it, or let `ffmpeg -i FILE out.mp4` mend it",
            )
        try:
            check_pixels((width, height), path)
        except DataError:
            capture.release()
            raise
        return opened

    @classmethod
    def of_camera(cls, number: int) -> Self:
        """Opens a camera.

        Raises:
            DataError: there is none of this number, or another program has it.
        """
        _be_quiet()
        capture = cv2.VideoCapture(number)
        if not capture.isOpened():
            capture.release()
            raise DataError(
                f"camera {number} cannot be opened: there is none, another program has it, or this "
                "user may not use it",
                "try another number; on Linux cameras are /dev/video0 and so on",
            )
        began = time.monotonic()
        return cls(f"camera {number}", capture, lambda: time.monotonic() - began)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.capture.release()

    @property
    def fps(self) -> float:
        """Frames a second as the container says, or what is usual."""
        told = self.capture.get(cv2.CAP_PROP_FPS)
        return told if math.isfinite(told) and 0 < told <= _MOST_FPS else USUAL_FPS

    @property
    def count(self) -> int | None:
        """How many frames the container says there are; None where it does not."""
        told = self.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(told) if math.isfinite(told) and told > 0 else None

    @property
    def duration(self) -> int | None:
        """Whole seconds that it lasts, as far as the container says."""
        return None if self.clock is not None or self.count is None else int(self.count / self.fps)

    def frames(self, every: float) -> Iterator[Frame]:
        """Its frames, one at most every so many seconds; the others are not decoded to pictures.

        Args:
            every: seconds; 0 gives all.

        Raises:
            DataError: not one picture could be read.
        """
        fps, due, last, first = self.fps, 0.0, -1.0, None
        given = 0
        while self.capture.grab():
            number = self.read
            self.read += 1
            told = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if self.clock is None else 0.0
            seconds = self.clock() if self.clock is not None else told
            first = seconds if first is None else first
            seconds -= first
            if number and not (math.isfinite(seconds) and seconds > last):
                if not self.notes:
                    self.notes.append(f"times missing or out of order: counted by {fps:g} a second")
                seconds = last + 1 / fps
            last = max(seconds, 0.0)
            if last + 0.25 / fps < due:
                continue
            ok, pixels = self.capture.retrieve()
            if not ok or pixels is None or pixels.size == 0:
                continue
            due = last + every if every == 0 else every * (math.floor(last / every + 0.25) + 1)
            given += 1
            yield Frame(number, last, np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))
        if not given:
            raise DataError(f"{self.name}: not one picture of it could be read", _READS)
        if self.clock is None and self.count is not None and self.read < 0.98 * self.count - 1:
            self.notes.append(f"ends early: {self.read:,} of about {self.count:,} frames are there")


def _be_quiet() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
