"""What becomes of images: written, told, and what people should know of all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.output import printable, say, shown
from agekit.errors import counted
from agekit.inference.saving import colour_profile, save_picture
from agekit_ager.image import DIRECTIONS, side_by_side, years
from agekit_ager.steering import CHILD, GROWN

if TYPE_CHECKING:
    from agekit_ager.image import AgedFace, AgedImage
    from agekit_ager.predictor import FaceAging

__all__ = ["NO_FACE", "missed", "tell", "write_results"]

NO_FACE = "no face found"
FAR = 10.0
"""Years beyond which a face does not look as old as was asked."""
BLURRED = 2.0
"""How much larger than in its photo a face may become before it shows."""


def write_results(
    results: Sequence[AgedImage], outputs: Sequence[Path], strip: Path | None
) -> list[dict[str, Any]]:
    """Writes what became of an image, and all of it side by side; gives the answers."""
    answers: list[dict[str, Any]] = [
        {**one.to_dict(), "to": one.to, "output": None, "side_by_side": None} for one in results
    ]
    shown: list[tuple[Any, Sequence[AgedFace]]] = []
    written: list[dict[str, Any]] = []
    words: list[str] = []
    profile = colour_profile(results[0].path)
    for result, target, answer in zip(results, outputs, answers, strict=True):
        if result.after is None:
            answer["error"] = result.error or NO_FACE
            continue
        try:
            save_picture(target, result.after, profile)
        except OSError as error:
            answer["error"] = f"{error.filename or target}: {error.strerror or error}"
            continue
        answer["output"] = target
        written.append(answer)
        shown.append((result.after, result.faces))
        words.append("after" if result.to in DIRECTIONS else f"to {result.to}")
    if strip is not None and results[0].before is not None and shown:
        outcome: dict[str, Any] = {"side_by_side": strip}
        try:
            save_picture(
                strip, side_by_side(results[0].before, *shown[0], shown[1:], words), profile
            )
        except OSError as error:
            outcome = {"error": f"{error.filename or strip}: {error.strerror or error}"}
        for answer in written:
            answer |= outcome
    return answers


def tell(answer: Mapping[str, Any], faces: Sequence[AgedFace]) -> None:
    """A line of an answer, for people, with the ages as `agekit predict` rounds them."""
    path = printable(answer["path"])
    if answer["error"] == NO_FACE:
        click.echo(f"{path}: {NO_FACE}")
    elif answer["error"] is not None:
        say(f"error: {answer['error']}")
    else:
        ages = [
            f"{years(face.before)} {shown('→', 'to')} {years(face.after)}"
            for face in faces
            if face.before is not None or face.after is not None
        ]
        after = f": {', '.join(ages)} years" if ages else ""
        click.echo(f"{path} -> {printable(str(answer['output']))}{after}")


def missed(ager: FaceAging, faces: Sequence[AgedFace], by: float | None) -> Iterator[str]:
    """What people should know of faces that do not look as was asked, or are too small.

    Args:
        ager: which made them.
        faces: after.
        by: by how much they were to be older, if that was asked; of ages asked for `targets` tells.
    """
    asked = [face for face in faces if face.wanted is not None and face.after is not None]
    if by is not None and ager.ages is not None:
        first, last = ager.ages
        if beyond := sum(not first <= (face.wanted or 0) <= last for face in asked):
            yield (
                f"{by:+g} years takes {counted(beyond, 'face')} beyond the ages that {ager.name} "
                f"was trained on, {first:g} to {last:g}"
            )
    if children := sum((f.wanted or 0) < CHILD and (f.before or 0) >= GROWN for f in asked):
        yield (
            f"{counted(children, 'face')} of a grown-up made a child's: skin and shape change, "
            f"beards, glasses and hair stay; from {CHILD:g} years on faces come out better"
        )
    far = sum(abs((face.after or 0) - (face.wanted or 0)) > FAR for face in asked)
    if far:
        yield (
            f"{far:,} of {counted(len(asked), 'face')} made look more than {FAR:g} years off the "
            f"age asked for, says the judge: {ager.name} goes part of a long way, and ages nearer "
            "to a face's own come closer; --judge asks another"
        )
    if small := sum((face.enlarged or 0) > BLURRED for face in faces):
        yield (
            f"{counted(small, 'face')} made of less than half the {ager.size} pixels that "
            f"{ager.name} was trained on: what is added is as coarse as they are"
        )
