"""``agekit video``, and ``agekit predict`` of videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from agekit.cli.options import (
    FloatRange,
    batch_size_option,
    device_option,
    json_option,
    runtime_option,
)

__all__ = ["video"]


class _Video(click.Command):
    """A command that `agekit predict` hands videos over to."""

    def takes(self, line: Sequence[str]) -> bool:
        """Whether what follows `agekit predict` names a video or a camera."""
        from agekit_video.footage import is_video

        if any(word.partition("=")[0] == "--camera" for word in line):
            return True
        parser = self.make_parser(click.Context(self, resilient_parsing=True))
        parser.ignore_unknown_options = True
        try:
            values, *_ = parser.parse_args([*line])
        except click.UsageError:
            return False
        return any(map(is_video, values.get("inputs") or ()))


@click.command(cls=_Video)
@click.argument("inputs", nargs=-1, metavar="[FILE]...")
@click.option(
    "--camera", type=click.IntRange(0), metavar="N", help="A camera, the first is 0, until Ctrl-C."
)
@click.option(
    "--seconds",
    type=FloatRange(0, min_open=True),
    metavar="S",
    help="Look at so much of it, and no further.",
)
@click.option(
    "--every",
    type=FloatRange(0),
    default=0.2,
    show_default=True,
    metavar="S",
    help="Seconds between two frames that are looked at; 0 looks at all.",
)
@click.option(
    "--model",
    metavar="MODEL",
    help="A zoo name, hf-hub:ORG/REPO[@REVISION], a model folder, a run folder, or an .onnx file; "
    "else the zoo's default estimator.",
)
@click.option(
    "--faces",
    type=click.Choice(["all", "largest"]),
    default="all",
    show_default=True,
    help="Which faces of a frame.",
)
@click.option(
    "--plot",
    metavar="FILE|FOLDER",
    help="Write the video with boxes, ages and intervals drawn, without its sound: a .mp4, .mov, "
    ".mkv, .avi, or .webm, which browsers play; of several videos, to a folder.",
)
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    help="Write one row for each face of each frame that was looked at, instead of lines; - is "
    "stdout.",
)
@click.option("--show", is_flag=True, help="Show the frames in a window while they are looked at.")
@batch_size_option(8, "frames of a video are looked at together")
@runtime_option
@device_option
@json_option
def video(inputs: tuple[str, ...], **options: Any) -> None:
    """Predict ages in videos, or before a camera.

    A few frames a second are looked at, the faces are followed from one to the next, and each is
    answered with its age by all of its frames. FILE is a video, or a pattern in quotes;
    `agekit predict FILE` is the same.

    Boxes are in pixels of the upright frame, times in seconds after the first. Exits with 1 if a
    video cannot be read - the others are answered all the same - or if there is no face in any.
    """
    from agekit_video.work import Options, answer

    answer(inputs, Options(**options))
