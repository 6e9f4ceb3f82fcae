"""``agekit predict``."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import click

from agekit.cli.options import (
    batch_size_option,
    device_option,
    json_option,
    photo_options,
    runtime_option,
)
from agekit.errors import AgekitError
from agekit.registry import COMMANDS

__all__ = ["predict"]


class _Predict(click.Command):
    """Hands a line that is not about images over to the command of a plugin that takes it.

    Such a command, one that reads videos, has ``takes: Callable[[Sequence[str]], bool]``, which is
    asked of what follows ``agekit predict`` where something in it is neither image nor folder.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        """Reads the line; the context may be that of the other command."""
        parser = self.make_parser(click.Context(self, resilient_parsing=True))
        parser.ignore_unknown_options = True
        given: Any = args
        with suppress(click.UsageError):
            given = parser.parse_args([*args])[0].get("inputs")
        inputs = given if isinstance(given, tuple | list) else ()  # click marks what is not given
        for name in () if all(map(_is_plain, inputs)) else COMMANDS.names():
            with suppress(AgekitError):
                command: click.Command = COMMANDS.get(name)
                if getattr(command, "takes", lambda line: False)(args):
                    return command.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def _is_plain(word: str) -> bool:
    from agekit.data.formats import is_image  # needs Pillow, for which --help does not wait

    return is_image(word) or os.path.isdir(word)


@click.command(cls=_Predict)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@photo_options(
    "estimator",
    " Or an .onnx file.",
    "Find the faces of photos, or take each image as a face chip as it is",
)
@click.option(
    "--plot",
    metavar="FILE|FOLDER",
    help="Draw boxes, ages and intervals on a copy of the photo, a .png or .jpg; of several, on "
    "copies in a folder. Of chips, draw all with their distributions to one PNG.",
)
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    help="Write one row a face to this file instead of lines; - is stdout. Paths that a "
    "spreadsheet would take for a formula begin with ./ there.",
)
@click.option(
    "--with",
    "attributes",
    metavar="TASK|MODEL",
    multiple=True,
    help="Also say what another model finds in each face, such as its gender: a task of `agekit "
    "list tasks`, whose default model is taken, or a model; may be repeated.",
)
@click.option(
    "--over",
    type=click.IntRange(1),
    metavar="YEARS",
    help="Also say of each face whether it is at least so old: yes or no where its whole interval "
    "says so, else unsure. No means of proving an age.",
)
@batch_size_option(64, "faces go through the network at once")
@runtime_option
@click.option(
    "--distribution", is_flag=True, help="With --json, the distribution over the ages as well."
)
@device_option
@json_option
def predict(inputs: tuple[str, ...], **options: Any) -> None:
    """Predict the ages of the faces in images.

    INPUT is an image, a folder (all images below it), or a pattern in quotes, such as
    'photos/**/*.jpg'. With a model trained on faces that were cut out of photos, faces are found
    in each image, cut out the same way, and answered the largest first; with any other, each
    image is taken as a face chip. Videos and --camera go to `agekit video`, with its own options.

    Boxes and points are in pixels of the upright image. Faces on their side or upside down are
    looked for where no upright one is surely found. Exits with 1 if an image cannot be read - the
    others are answered all the same - or if there is no face in any of them.
    """
    from agekit.cli._predict import Options, answer

    answer(inputs, Options(**options))
