"""The work of `agekit video`, imported once its options are known."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import click

from agekit.cli.options import model_or_default
from agekit.cli.output import (
    STDOUT,
    check_table,
    console,
    csv_table,
    emit_json,
    only_json_on_stdout,
    say,
)
from agekit.errors import DataError, counted
from agekit.plugin import ProgressBar, is_image, load, require
from agekit_video.answers import COLUMNS, Answer, lines, rows
from agekit_video.footage import Footage, Frame, begins_as_video
from agekit_video.movie import CODECS, Movie, Window, marked, open_movie
from agekit_video.tracks import Tracker

__all__ = ["Options", "answer"]

_MOST_BYTES = 24_000_000
"""Of the pixels of frames that are looked at together."""
_INTERVAL = "the interval in brackets is meant to hold the true age of {:g} % of faces"


@dataclass(frozen=True)
class Options:
    """The options of a call; the command says what they mean."""

    camera: int | None
    seconds: float | None
    every: float
    model: str | None
    faces: Literal["all", "largest"]
    plot: str | None
    table: str | None
    show: bool
    batch_size: int
    runtime: Literal["auto", "onnx", "torch"]
    device: str
    as_json: bool

    def check(self, inputs: Sequence[str]) -> None:
        """Refuses what does not go together, before any video is opened.

        Raises:
            click.UsageError: saying which options.
            MissingLibraryError: what draws pictures is not installed.
        """
        if self.camera is not None and inputs:
            raise click.UsageError("--camera looks at a camera: leave out the files.")
        if self.camera is None and not inputs:
            raise click.UsageError("name a video, or --camera N.")
        if images := [path for path in inputs if is_image(path) and not begins_as_video(path)]:
            raise click.UsageError(
                f"{images[0]} is an image: `agekit predict` it apart from the videos."
            )
        check_table(self.table, self.as_json)
        if self.plot is not None:
            require("figures", "--plot")
        if self.show:
            require("figures", "--show")


def answer(inputs: Sequence[str], asked: Options) -> None:
    """Predicts the ages of the faces in videos, and answers as was asked.

    Raises:
        AgekitError: there is no video or no face, or the model cannot be used.
        click.UsageError: options that do not go together.
        click.exceptions.Exit: a video could not be read.
    """
    asked.check(inputs)
    paths = _found(inputs) if asked.camera is None else [f"camera {asked.camera}"]
    targets = _targets(asked.plot, paths)
    _keep(paths, [*filter(None, targets), *_tables(asked)])
    with ExitStack() as stack:
        stack.enter_context(only_json_on_stdout(asked.as_json or asked.table == STDOUT))
        window = Window("agekit") if asked.show else None
        watcher = _Watcher(asked, window)
        write = None
        if asked.table is not None:
            write = stack.enter_context(csv_table(asked.table, COLUMNS))
        done: list[Answer] = []
        for path, target in zip(paths, targets, strict=True):
            one = watcher.watch(path, target)
            if one.error is not None and not asked.as_json:
                say(f"error: {one.error}")
            for note in () if asked.as_json else one.notes:
                say(f"note: {path}: {note}")
            if write is not None:
                rows(one, write)
            elif not asked.as_json:
                lines(one)
            done.append(one)
    if asked.as_json:
        emit_json([one.to_dict() for one in done])
    if asked.table is not None:
        faces, frames = sum(len(one.tracks) for one in done), sum(one.frames for one in done)
        say(
            f"{counted(len(done), 'video')}: {counted(faces, 'face')} in {counted(frames, 'frame')}"
        )
    failed = any(one.error is not None for one in done)
    if not failed and not any(one.tracks for one in done):
        raise DataError("no face was found")
    if failed:
        raise click.exceptions.Exit(1)


class _Watcher:
    """Looks at videos with one model.

    Args:
        asked: the options.
        window: where to show the frames.
    """

    def __init__(self, asked: Options, window: Window | None) -> None:
        self.asked = asked
        self.window = window
        self._model: Any = None

    def watch(self, path: str, target: Path | None) -> Answer:
        """The faces of one video; an error of the video itself is part of the answer."""
        try:
            return self._watch(path, target)
        except DataError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return Answer(path, error=error.message + hint)

    def _watch(self, path: str, target: Path | None) -> Answer:
        camera = self.asked.camera
        opened = Footage.of_file(path) if camera is None else Footage.of_camera(camera)
        with opened as footage, ExitStack() as stack:
            fps = 1 / self.asked.every if self.asked.every else footage.fps
            live = target is not None and camera is not None
            movie = stack.enter_context(open_movie(target, fps)) if live and target else None
            found, tracker = self._follow(footage, movie)
        found.tracks = tracker.tracks
        if target is not None and camera is None:
            self._draw(path, target, tracker)
        return found

    def _follow(self, footage: Footage, movie: Movie | None) -> tuple[Answer, Tracker]:
        """Looks at the frames, draws them as they come where a movie or a window wants them."""
        model = self._loaded()
        tracker, found = Tracker(model.level), Answer(footage.name, notes=footage.notes)
        most = 1 if self.asked.faces == "largest" else None
        together = self.asked.batch_size if self.asked.camera is None else 1
        with ProgressBar(console(), "seconds looked at") as progress, self._until_stopped():
            for group in _groups(self._limited(footage.frames(self.asked.every)), together):
                chips = model.finder.find([frame.pixels for frame in group], most=most)
                shown = [chip for those in chips for chip in those]
                starts = range(0, len(shown), 64)
                ages = iter([f for k in starts for f in model.estimate(shown[k : k + 64])])
                for frame, those in zip(group, chips, strict=True):
                    faces = [next(ages) for _ in those]
                    tracker.add(frame.number, frame.seconds, frame.pixels, those, faces)
                    found.frames += 1
                    found.seconds = frame.seconds
                    found.size = (frame.pixels.shape[1], frame.pixels.shape[0])
                    if movie is not None or self.window is not None:
                        self._show(frame, tracker, movie)
                if footage.duration is not None:
                    progress.at(int(found.seconds), footage.duration)
        return found, tracker

    def _show(self, frame: Frame, tracker: Tracker, movie: Movie | None) -> None:
        picture = marked(frame.pixels, frame.seconds, tracker.tracks)
        if movie is not None:
            movie.add(frame.seconds, picture)
        if self.window is not None and not self.window.show(picture):
            raise KeyboardInterrupt

    def _until_stopped(self) -> Any:
        """Ctrl-C, or closing the window, ends the look at a camera as it should end."""
        live = self.asked.camera is not None or self.window is not None
        return suppress(*([KeyboardInterrupt] if live else []))

    def _limited(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        most = self.asked.seconds
        return frames if most is None else takewhile(lambda frame: frame.seconds < most, frames)

    def _draw(self, path: str, target: Path, tracker: Tracker) -> None:
        """Writes all frames of a video with what was found, in a second pass."""
        with Footage.of_file(path) as footage, open_movie(target, footage.fps) as movie:
            for frame in self._limited(footage.frames(0)):
                movie.add(frame.seconds, marked(frame.pixels, frame.seconds, tracker.tracks))

    def _loaded(self) -> Any:
        """The model, loaded when the first video could be opened."""
        if self._model is None:
            asked = self.asked
            name = model_or_default(asked.model, "estimator")
            self._model = load(name, asked.device, asked.runtime)
            self._model.finder.detector  # noqa: B018
            if self._model.alignment_unknown:
                say(
                    f"note: {self._model.name} does not say how its faces were cut; those found "
                    "are cut to the standard frame, and their ages may be off"
                )
            if self._model.level is not None and not asked.as_json:
                say(f"note: {_INTERVAL.format(100 * self._model.level)}")
        return self._model


def _groups(frames: Iterable[Frame], most: int) -> Iterator[list[Frame]]:
    """Frames to look at together, few where they are large."""
    group: list[Frame] = []
    for frame in frames:
        group.append(frame)
        if len(group) >= most or len(group) * frame.pixels.size > _MOST_BYTES:
            yield group
            group = []
    if group:
        yield group


def _found(inputs: Sequence[str]) -> list[str]:
    """The videos that files and patterns name.

    Raises:
        DataError: a pattern matches nothing, or a folder is named.
    """
    paths: list[str] = []
    for given in inputs:
        if os.path.isdir(given):
            raise DataError(f"{given} is a folder", f"name its videos, as in '{given}/*.mp4'")
        matches = sorted(glob.glob(given, recursive=True)) if glob.has_magic(given) else []
        if glob.has_magic(given) and not matches and not os.path.lexists(given):
            raise DataError(f"{given!r} matches no file")
        paths += matches or [given]
    return paths


def _tables(asked: Options) -> list[Path]:
    return [Path(asked.table)] if asked.table not in (None, STDOUT) and asked.table else []


def _targets(plot: str | None, paths: Sequence[str]) -> list[Path | None]:
    """Where the marked copy of each video goes: `plot` itself of a single one, else below it.

    Raises:
        UsageError: `plot` names a file of another kind, or one file for several videos.
    """
    if plot is None:
        return [None for _ in paths]
    suffix = Path(plot).suffix.lower()
    if not (plot.endswith(("/", os.sep)) or os.path.isdir(plot) or not suffix):
        if suffix not in CODECS:
            raise click.UsageError(f"--plot {plot}: name a {', '.join(CODECS)} file, or a folder.")
        if len(paths) > 1:
            raise click.UsageError(
                f"--plot {plot}: there are {len(paths):,} videos; name a folder for their copies."
            )
        return [Path(plot)]
    targets: list[Path | None] = []
    for path in paths:
        own = Path(path)
        suffix = own.suffix if own.suffix.lower() in CODECS else ".mp4"
        wanted = own.stem.replace("camera ", "camera-")
        target, number = Path(plot, wanted + suffix), 1
        while target in targets:
            number += 1
            target = Path(plot, f"{wanted}-{number}{suffix}")
        targets.append(target)
    return targets


def _keep(inputs: Sequence[str], outputs: Sequence[Path]) -> None:
    """Makes sure that nothing is written over the videos."""
    own = set(map(os.path.realpath, inputs))
    for path in outputs:
        if os.path.realpath(path) in own:
            raise DataError(f"{path} is one of the videos: it is not overwritten", "name another")
