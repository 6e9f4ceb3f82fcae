"""The sections of a card on running a model, and on the cut of the faces it takes."""

from __future__ import annotations

from shlex import quote

from agekit.data.alignment import Alignment
from agekit.faces.align import known_points
from agekit.zoo.cards.text import clean, code, mapping, table
from agekit.zoo.config import ImageConfig, ModelConfig

__all__ = ["face_section", "use_section"]

POINTS = (
    "the eye on the left",
    "the eye on the right",
    "the tip of the nose",
    "the left corner of the mouth",
    "the right corner of the mouth",
)


def use_section(config: ModelConfig, command: str, python: str, options: str = "") -> list[str]:
    """Commands and Python, in blocks of Markdown.

    Args:
        config: the model's configuration.
        command: the command line that runs MODEL.
        python: the same in Python.
        options: of ``agekit evaluate``, a space before each.
    """
    needs = ", ".join(code(f"{name} {version}") for name, version in config.requires.items())
    dataset = quote(clean(config.trained.get("dataset") or "DATASET"))
    data = mapping(config.trained, "data")
    root = " --root DIR" if data.get("needs_root", True) else ""
    if isinstance(roots := data.get("roots"), list):
        root = "".join(f" --root {quote(clean(name))}=DIR" for name in roots)
    return [
        "## Use",
        "\n".join(
            [
                "```",
                command,
                f"agekit evaluate MODEL {dataset}{root}{options}",
                "agekit zoo pull MODEL",
                "```",
            ]
        ),
        f"```python\n{python}\n```",
        "MODEL is this folder, a name of `agekit zoo list`, or `hf-hub:OWNER/NAME@REVISION` with "
        "the commit, so that what is run cannot change unseen."
        + (f" It needs {needs}." if needs else "")
        + " Nothing in this folder is run as code: the weights are safetensors.",
    ]


def face_section(face: Alignment, image: ImageConfig) -> list[str]:
    """The section, in blocks of Markdown.

    Args:
        face: how the faces it was trained on were cut.
        image: what the network takes.
    """
    kept = f", of which the middle {image.crop_pct:.0%} is used" if image.crop_pct < 1 else ""
    takes = f"It takes RGB face chips of {image.size} x {image.size} pixels{kept}. "
    detector = code(face.detector)
    points = known_points(face)
    if points is None:
        cut = (
            "It was trained on the middle squares of whole photos, whatever part of a face they "
            "show. With"
            if face.align == "whole"
            else "How those it was trained on were cut is not recorded: they were used as the data "
            "has them. Give it chips cut alike. With"
        )
        return [
            "### Faces",
            f"{takes}{cut} `--detect`, faces are found in photos "
            f"by {detector} and cut to a standard frame; what that costs was not measured.",
        ]
    first = (
        f"Give it whole photos: faces are found by {detector}, turned, scaled and cut, with five "
        "points about where they are in the faces it was trained on."
        if face.align == "five-points"
        else "Chips are taken as they are. With `--detect` it takes whole photos, whose faces are "
        f"found by {detector} and cut with five points where they are in such chips."
    )
    return [
        "### Faces",
        takes + first + " Faces cut in another way were not measured; expect worse. Chips that are "
        "cut like this already are taken as they are with `--no-detect`.",
        table(
            ["point, as the image shows it", "from the left", "from the top"],
            [(name, f"{x:.1%}", f"{y:.1%}") for name, (x, y) in zip(POINTS, points, strict=True)],
        ),
    ]
