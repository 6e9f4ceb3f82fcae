"""Pictures out: a video with its faces marked, and a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agekit.errors import AgekitError, DataError
from agekit.plugin import Face, draw_faces, written
from agekit_video.footage import check_name
from agekit_video.tracks import Track

__all__ = ["CODECS", "Movie", "Window", "marked", "open_movie"]

CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
"""Ending → what it is encoded with, by the libraries that come with OpenCV's wheels."""
_MOST_STILL = 3600.0
"""Seconds for which one picture is repeated at most."""


def marked(pixels: NDArray[np.uint8], seconds: float, tracks: Sequence[Track]) -> NDArray[np.uint8]:
    """A frame with the tracks that are in sight, each with its age by all of its frames so far.

    Args:
        pixels: (H, W, 3) RGB.
        seconds: the frame's time.
        tracks: those of the video.
    """
    faces: list[Face] = []
    numbers: list[int] = []
    for track in tracks:
        if (box := track.box_at(seconds)) is not None:
            age, interval = track.estimate()
            x0, y0, x1, y1 = box.tolist()
            face = track.sightings[0].face
            faces.append(replace(face, age=age, interval=interval, box=(x0, y0, x1, y1)))
            numbers.append(track.number)
    return np.asarray(draw_faces(pixels, faces, numbers))


class Movie:
    """A video that is being written; of as many frames a second throughout.

    Args:
        path: of an ending in `CODECS`.
        fps: frames a second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.fps = fps
        self.frames = 0
        self._writer: Any = None
        self._size = (0, 0)
        self._shown: NDArray[np.uint8] | None = None

    def add(self, seconds: float, picture: NDArray[np.uint8]) -> None:
        """Shows a picture from a time on; the one before is repeated until then.

        Args:
            seconds: after the first.
            picture: (H, W, 3) RGB, of the size of the first.

        Raises:
            DataError: it cannot be encoded.
        """
        due = round(min(seconds, self.frames / self.fps + _MOST_STILL) * self.fps)
        while self._shown is not None and self.frames < due:
            self._write(self._shown)
        self._shown = picture

    def close(self) -> None:
        """Writes what is left.

        Raises:
            DataError: nothing that can be played came of it: the disk is full, or the codec lacks.
        """
        try:
            if self._shown is not None:
                self._write(self._shown)
        finally:
            if self._writer is not None:
                self._writer.release()
        played = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        whole = played.isOpened() and played.grab()
        played.release()
        if not whole:
            raise DataError(
                f"{self.path.name}: the video could not be written", "is the disk full?"
            )

    def _write(self, picture: NDArray[np.uint8]) -> None:
        if self._writer is None:
            height, width = (end - end % 2 for end in picture.shape[:2])
            self._size = (width, height)
            codec = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(
                str(self.path), cv2.CAP_FFMPEG, codec, self.fps, self._size
            )
            if not self._writer.isOpened():
                raise DataError(
                    f"{self.path.name}: {width} x {height} pixels cannot be encoded here",
                    f"take another of {', '.join(CODECS)}",
                )
        width, height = self._size
        self._writer.write(cv2.cvtColor(picture[:height, :width], cv2.COLOR_RGB2BGR))
        self.frames += 1


@contextmanager
def open_movie(target: Path, fps: float) -> Iterator[Movie]:
    """A video that appears at `target` when the block ends well, or not at all."""
    check_name(str(target))
    with written(target) as aside:
        # OpenCV tells the container by the ending.
        movie = Movie(aside.with_name(aside.name + target.suffix.lower()), fps)
        try:
            yield movie
            movie.close()
            movie.path.replace(aside)
        finally:
            movie.path.unlink(missing_ok=True)


class Window:
    """A window that shows one picture after the other; OpenCV without a display has none.

    Raises:
        AgekitError: this Python has no tkinter, or there is no display.
    """

    def __init__(self, title: str) -> None:
        hint = "write --plot FILE.mp4 instead, or run it where there is a display"
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError as error:
            raise AgekitError(
                f"--show needs tkinter, which this Python lacks: {error}",
                f"install it (python3-tk on Debian and Ubuntu); or {hint}",
            ) from None
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise AgekitError(f"--show: no window can be opened: {error}", hint) from None
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._label = tkinter.Label(self._root)
        self._label.pack()
        self._image: Any = None
        self._photo = ImageTk.PhotoImage
        self.open = True

    def show(self, picture: NDArray[np.uint8]) -> bool:
        """Shows a picture, (H, W, 3) RGB; gives whether the window is still open."""
        from PIL import Image

        if self.open:
            self._image = self._photo(Image.fromarray(picture))
            self._label.configure(image=self._image)
            self._root.update()
        return self.open

    def _close(self) -> None:
        self.open = False
        self._root.destroy()
