"""The faces whose labels a model finds least likely, to look at first when labels are cleaned."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from agekit.errors import ConfigError
from agekit.plugin import (
    SPLITS,
    Display,
    Faces,
    evaluation_faces,
    find_framing,
    load_network,
    locate,
    pick_device,
    raw_outputs,
    write_bytes,
    write_text,
)

__all__ = ["Unlikely", "find_unlikely", "write_list", "write_sheet"]

_CELL, _LINE, _COLUMNS = 112, 14, 8


@dataclass(frozen=True)
class Unlikely:
    """A face whose label a model doubts.

    Attributes:
        path: its name in the dataset.
        split: its split.
        age: its label, years.
        estimate: the model's, years.
        likelihood: what the model gives the year of the label, 0 to 1.
    """

    path: str
    split: str
    age: float
    estimate: float
    likelihood: float


def find_unlikely(
    faces: Faces, model: str, most: int, device: str, display: Display
) -> tuple[list[Unlikely], list[NDArray[np.uint8]]]:
    """Asks an estimator about every face in use.

    Args:
        faces: read and split.
        model: a name of the zoo, a model folder or a run folder.
        most: how many to give.
        device: where it runs.
        display: for progress, and how faces are shown to it.

    Returns:
        The least likely first, and their images as the model saw them.

    Raises:
        ConfigError: it gives no distribution over the ages.
        AgekitError: it cannot be read, or its faces not be shown to it.
    """
    place = pick_device(device)
    network, config = load_network(locate(model), place, "estimator")
    framing = find_framing(faces, place, wanted=config.face, model=model)
    shown = framing.show(faces, display)
    data = evaluation_faces(shown, config.image, "all", place, display)
    made = network.estimate(raw_outputs(network, data.loader("all")))
    if made.distribution is None:
        raise ConfigError(
            f"{model} gives no distribution over the ages, so that no label is more likely",
            "give a model with a head such as ldl",
        )
    rows, table = data.rows("all"), faces.table
    low, high = network.ages
    label = (table.age[rows].round().astype(int) - low).clip(0, high - low)
    likelihood = made.distribution.cpu().numpy()[np.arange(len(rows)), label]
    estimate = made.age.cpu().numpy()
    order = np.argsort(likelihood, kind="stable")[:most].tolist()
    found = [
        Unlikely(
            table.images.name(int(rows[k])),
            SPLITS[faces.codes[rows[k]]],
            float(table.age[rows[k]]),
            float(estimate[k]),
            float(likelihood[k]),
        )
        for k in order
    ]
    return found, data.pixels("all", order)


def write_list(path: Path, found: Sequence[Unlikely]) -> None:
    """Writes path, split, age, estimate and likelihood of each as a csv, whole or not at all."""
    text = io.StringIO(newline="")
    sheet = csv.DictWriter(text, list(Unlikely.__dataclass_fields__), lineterminator="\n")
    sheet.writeheader()
    for one in found:
        numbers = {"estimate": f"{one.estimate:.2f}", "likelihood": f"{one.likelihood:.3g}"}
        sheet.writerow(asdict(one) | {"age": f"{one.age:g}"} | numbers)
    write_text(path, text.getvalue())


def write_sheet(path: Path, found: Sequence[Unlikely], images: Sequence[NDArray[np.uint8]]) -> None:
    """Draws the faces with label and estimate below each, the least likely first.

    Args:
        path: a PNG; made whole or not at all.
        found: the faces.
        images: theirs, (S, S, 3) each.
    """
    height = _CELL + 2 * _LINE
    lines = -(-len(found) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL, max(lines, 1) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (one, image) in enumerate(zip(found, images, strict=True)):
        x, y = k % _COLUMNS * _CELL, k // _COLUMNS * height
        sheet.paste(Image.fromarray(image).resize((_CELL - 4, _CELL - 4)), (x + 2, y + 2))
        draw.text((x + 2, y + _CELL - 1), f"{one.age:g}, not {one.estimate:.0f}?", "black")
        name = one.path.rpartition("/")[2].encode("ascii", "replace").decode()
        draw.text((x + 2, y + _CELL + _LINE - 3), name[:17], "grey")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
