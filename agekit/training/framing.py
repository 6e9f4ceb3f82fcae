"""The frame that faces are shown to a model in: that of the data, or that of the model."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from agekit._mistakes import Schema
from agekit.atomic import write_text
from agekit.data.alignment import Alignment, prepare_command
from agekit.data.home import cache_home
from agekit.data.split import Faces
from agekit.errors import DataError, UnknownNameError
from agekit.faces.align import MEASURED, TOLERANCE, differ, eyes, known_points, reframing
from agekit.faces.framing import LOOSE, Measured, Reframed, measure_alignment
from agekit.registry import DETECTORS
from agekit.scope import within
from agekit.training.display import Display

__all__ = ["Framing", "find_framing"]

SAMPLES = 48
SIZE = 160


class Framing(Schema):
    """Where faces lie in the data, and where in what a model is shown of them.

    Attributes:
        data: as the data says, or as measured where it does not.
        shown: as the model sees them.
        notes: what a person should know of it, a line each.
    """

    data: Alignment
    shown: Alignment
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return self.model_dump(mode="json")

    def show(self, faces: Faces, display: Display) -> Faces:
        """As `apply`, and tells the notes."""
        for note in self.notes:
            display.line(note)
        return self.apply(faces)

    def apply(self, faces: Faces) -> Faces:
        """The faces as a model is shown them; split and split hash stay."""
        if self.data == self.shown:
            return replace(faces, face=self.shown)
        have, want = known_points(self.data), known_points(self.shown)
        assert have is not None and want is not None
        table = faces.table
        images = Reframed(table.images, have, want)
        table = replace(table, images=images, origin=table.content_keys())
        return replace(faces, table=table, face=self.shown)


def find_framing(
    faces: Faces,
    device: torch.device,
    *,
    wanted: Alignment | None = None,
    model: str = "",
    root: Path | None = None,
    detector: str | None = None,
    as_chips: bool = False,
    must_fit: bool = False,
) -> Framing:
    """Finds out how faces are to be shown to a model.

    Where the data's points and the model's are known and differ, faces are reframed to the
    model's. Where the data's are not known they are measured on some of the images.

    Args:
        faces: the dataset, as it lies.
        device: where the detector runs.
        wanted: the model's alignment; None of a model that is to be trained from nothing.
        model: what to call the model.
        root: where the dataset lies, for the hint.
        detector: registry name of what measures; None takes the model's, else the data's.
        as_chips: takes the images of a dataset of whole photos as chips all the same.
        must_fit: refuses faces of which it is not known where they lie, where `wanted` says it.

    Raises:
        DataError: the dataset is of whole photos, and neither `as_chips` nor the model is; or
            `must_fit`, and where the faces lie cannot be found out.
        UnknownNameError: there is no such `detector`.
    """
    told = faces.face
    target = None if wanted is None else known_points(wanted)
    like = "" if target is None else model
    if told.align == "whole" and not as_chips and (wanted is None or wanted.align != "whole"):
        raise DataError(
            f"{faces.dataset} is a dataset of whole photos: faces have to be cut out of them first",
            f"run `{prepare_command(faces.dataset, root, like)}`, then give --root CHIPS; or take "
            "the photos' middle squares as they are: --as-chips",
        )
    notes: list[str] = []
    if as_chips and told.align != "whole":
        notes.append(
            f"{faces.dataset} is not a dataset of whole photos: --as-chips changes nothing"
        )
    if wanted is not None and target is None:
        notes.append(
            f"{model} does not say where the eyes, nose and mouth lie in the faces it was trained "
            f"on: those of {faces.dataset} are shown to it as they are"
        )
    tolerance = TOLERANCE
    if detector is not None:
        DETECTORS.find(detector)
        if known_points(told) is not None:
            notes.append(
                f"the detector {detector} is not used: {faces.dataset} says where its faces lie"
            )
    if known_points(told) is None:
        name = detector or (told if wanted is None else wanted).detector
        found, note = _measure(faces, name, device)
        notes.append(note)
        measured = found.alignment
        if known_points(measured) is None:
            command = prepare_command(faces.dataset, root, like)
            if must_fit and target is not None:
                hint = f"cut them: `{prepare_command(faces.dataset, root, alignment=wanted)}`"
                raise DataError(note, f"{hint}, then give --root CHIPS")
            notes.append(f"they are used as they are; if they are photos, cut them: {command}")
            unknown = measured.model_copy(update={"align": told.align})
            return Framing(data=unknown, shown=unknown, notes=tuple(notes))
        if found.spread > LOOSE:
            notes.append(
                f"eyes lie {found.spread:.1%} of the side away from there, as in photos or loose "
                f"crops; to cut all alike: {prepare_command(faces.dataset, root, like)}"
            )
        told, tolerance = measured, MEASURED
    have = known_points(told)
    if have is None or target is None or not differ(have, target, tolerance):
        return Framing(data=told, shown=told, notes=tuple(notes))
    assert wanted is not None
    notes.append(reframing(have, target, faces.dataset, model))
    return Framing(data=told, shown=wanted, notes=tuple(notes))


def _measure(faces: Faces, name: str, device: torch.device) -> tuple[Measured, str]:
    """The alignment of some of the images, remembered by their content, and a line about it."""
    rows = faces.rows("all")
    chosen = np.unique(np.linspace(0, len(rows) - 1, SAMPLES).round().astype(int))
    images = faces.table.images.take(rows[chosen])
    what = f"where the eyes, nose and mouth lie in the images of {faces.dataset}"
    try:
        with within():
            entry = DETECTORS.find(name)
    except UnknownNameError as error:
        return Measured(alignment=Alignment(detector=name)), f"{what} is not known: {error.message}"
    text = f"{SIZE} {entry.provider} {name}\n".encode()
    key = hashlib.blake2b(text + images.digests().tobytes(), digest_size=16).hexdigest()
    memory = cache_home() / "alignments" / f"{key}.json"
    found = None
    with suppress(OSError, ValidationError):
        found = Measured.model_validate_json(memory.read_bytes())
    if found is None:
        chips = []
        for i in range(len(images)):
            with suppress(DataError, OSError):
                chips.append(images.decode(i, SIZE))
        with within([entry.distribution]):
            maker = DETECTORS.get(name)
        found = measure_alignment(maker(device), name, chips)
        with suppress(OSError):
            write_text(memory, found.model_dump_json())
    points = known_points(found.alignment)
    if points is None:
        return found, f"{what} is not known: {name} finds no common place in {len(images)} of them"
    return found, f"{what} was measured by {name} on {len(images)} of them: eyes at {eyes(points)}"
