"""The frame that faces are shown to a model in: that of the data, or that of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from agekit._mistakes import Schema
from agekit.atomic import write_text
from agekit.data.alignment import Alignment, prepare_command
from agekit.data.files import EncodedImages
from agekit.data.home import cache_home
from agekit.data.join import JoinedImages
from agekit.data.split import Faces
from agekit.data.table import ImageSource
from agekit.errors import DataError, UnknownNameError, counted
from agekit.faces.align import MEASURED, TOLERANCE, differ, eyes, known_points, reframing, standard
from agekit.faces.framing import LOOSE, CutByPoints, Measured, Reframed, measure_alignment
from agekit.registry import DETECTORS
from agekit.scope import within
from agekit.training.display import Display

__all__ = ["Framing", "find_framing"]

_STANDARD = "the standard"
SAMPLES = 48
SIZE = 160


class Framing(Schema):
    """Where faces lie in the data, and where in what a model is shown of them.

    Attributes:
        data: as the data says, or as measured where it does not.
        shown: as the model sees them.
        notes: what a person should know of it, a line each.
        parts: the same of each dataset, where there are several.
    """

    data: Alignment
    shown: Alignment
    notes: tuple[str, ...] = ()
    parts: tuple[Framing, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        out = self.model_dump(mode="json", exclude={"parts"})
        return out | ({"parts": [part.to_json() for part in self.parts]} if self.parts else {})

    def show(self, faces: Faces, display: Display) -> Faces:
        """As `apply`, and tells the notes."""
        for note in self.notes:
            display.line(note)
        return self.apply(faces)

    def apply(self, faces: Faces) -> Faces:
        """The faces as a model is shown them; split and split hash stay."""
        table = faces.table
        images: ImageSource = table.images
        if self.parts:
            assert isinstance(images, JoinedImages)
            framed = [p.apply(f) for p, f in zip(self.parts, faces.separate(), strict=True)]
            images = images.shown({one.dataset: one.table.images for one in framed})
        elif self.data == self.shown:
            return replace(faces, face=self.shown)
        else:
            have, want = known_points(self.data), known_points(self.shown)
            assert want is not None
            if have is not None:
                images = Reframed(images, have, want)
            else:
                assert isinstance(images, EncodedImages) and table.points is not None
                images = CutByPoints(images, table.points, want)
        table = replace(table, images=images, origin=table.content_keys(), points=None)
        return replace(faces, table=table, face=self.shown)


def find_framing(
    faces: Faces,
    device: torch.device,
    *,
    wanted: Alignment | None = None,
    model: str = "",
    root: Path | Mapping[str, Path] | None = None,
    detector: str | None = None,
    as_chips: bool = False,
    must_fit: bool = False,
) -> Framing:
    """Finds out how faces are to be shown to a model.

    Where the data's points and the model's are known and differ, faces are reframed to the
    model's. Where the data's are not known they are measured on some of the images. Faces of
    photos are cut out by the points that a dataset says of each. Several datasets come into one
    frame: the model's, else that of the first of them whose frame is known, or can be measured,
    else the standard one.

    Args:
        faces: the dataset, as it lies.
        device: where the detector runs.
        wanted: the model's alignment; None of a model that is to be trained from nothing.
        model: what to call the model.
        root: where the dataset lies, for the hint; of several, dataset → where.
        detector: registry name of what measures; None takes the model's, else the data's.
        as_chips: takes the images of a dataset of whole photos as chips all the same.
        must_fit: refuses faces of which it is not known where they lie, where `wanted` says it.

    Raises:
        DataError: the dataset is of whole photos, and neither `as_chips` nor the model is; or
            `must_fit`, and where the faces lie cannot be found out.
        UnknownNameError: there is no such `detector`.
    """
    ask = _Ask(device, wanted, model, detector, as_chips, must_fit)
    if faces.parts:
        return _find_several(faces, ask, root if isinstance(root, Mapping) else {})
    return _find_one(faces, ask, None if isinstance(root, Mapping) else root)


@dataclass(frozen=True)
class _Ask:
    """The arguments of `find_framing` that hold for each dataset."""

    device: torch.device
    wanted: Alignment | None
    model: str
    detector: str | None
    as_chips: bool
    must_fit: bool

    @property
    def target(self) -> NDArray[np.float64] | None:
        """Where the points are to lie, (5, 2) shares of the side, where that is known."""
        return None if self.wanted is None else known_points(self.wanted)


def _find_several(faces: Faces, ask: _Ask, roots: Mapping[str, Path]) -> Framing:
    parts, notes = faces.separate(), list[str]()
    if ask.as_chips and not any(part.face.align == "whole" for part in parts):
        notes.append(f"none of {faces.dataset} is of whole photos: --as-chips changes nothing")
    asks = [replace(ask, as_chips=ask.as_chips and p.face.align == "whole") for p in parts]
    if ask.target is None:
        if ask.wanted is not None:
            notes.append(f"{ask.model} does not say where faces lie in what it was trained on")
        wanted, model = _common_frame(parts, asks, roots)
        ask = replace(ask, wanted=wanted, model=model)
    assert ask.wanted is not None and ask.target is not None
    notes.append(f"all faces are shown in the frame of {ask.model}: eyes at {eyes(ask.target)}")
    framings = [
        _find_one(
            part,
            replace(one, wanted=ask.wanted, model=ask.model, must_fit=True),
            roots.get(part.dataset),
            f"--root {part.dataset}=CHIPS",
        )
        for part, one in zip(parts, asks, strict=True)
    ]
    notes += [note for framing in framings for note in framing.notes]
    shown = ask.wanted
    data = shown if all(f.data == f.shown for f in framings) else Alignment()
    quiet = tuple(framing.model_copy(update={"notes": ()}) for framing in framings)
    return Framing(data=data, shown=shown, notes=tuple(notes), parts=quiet)


def _common_frame(
    parts: Sequence[Faces], asks: Sequence[_Ask], roots: Mapping[str, Path]
) -> tuple[Alignment, str]:
    """The first frame that is known, else that can be measured, else the standard one; and whose.

    Raises:
        DataError: a dataset is of photos of whose faces nothing is known.
    """
    for part in parts:
        if known_points(part.face) is not None:
            return part.face, part.dataset
    for part, ask in zip(parts, asks, strict=True):
        if part.face.align != "whole" or ask.as_chips:
            found = _find_one(part, replace(ask, wanted=None), roots.get(part.dataset)).shown
            if known_points(found) is not None:
                return found, part.dataset
    return standard(), _STANDARD


def _by_points(faces: Faces, ask: _Ask) -> Framing:
    """Photos whose faces are cut out by the points that the dataset says of each."""
    assert faces.table.points is not None
    shown, model = (ask.wanted, ask.model) if ask.wanted else (standard(), _STANDARD)
    used = faces.table.points[faces.rows("all")]
    lost = int((~np.isfinite(used).all((1, 2))).sum())
    notes = [
        f"the faces of {faces.dataset} are cut out of its photos by its own points, to the frame "
        f"of {model}"
    ]
    if lost:
        are = counted(lost, "photo has", "photos have")
        notes.append(f"{are} no points in {faces.dataset}: left out")
    if ask.detector is not None:
        notes.append(f"{DETECTORS.find(ask.detector).name} is not used for {faces.dataset}")
    return Framing(data=faces.face, shown=shown, notes=tuple(notes))


def _find_one(faces: Faces, ask: _Ask, root: Path | None, option: str = "--root CHIPS") -> Framing:
    device, wanted, model, detector = ask.device, ask.wanted, ask.model, ask.detector
    as_chips, must_fit, target = ask.as_chips, ask.must_fit, ask.target
    told = faces.face
    like = "" if target is None else model
    uncut = told.align == "whole" and not as_chips
    said = faces.table.points is not None and isinstance(faces.table.images, EncodedImages)
    if uncut and said and (wanted is None or target is not None):
        return _by_points(faces, ask)
    if uncut and (wanted is None or wanted.align != "whole"):
        raise DataError(
            f"{faces.dataset} is a dataset of whole photos: faces have to be cut out of them first",
            f"run `{prepare_command(faces.dataset, root, like)}`, then give {option}; or take "
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
                raise DataError(note, f"{hint}, then give {option}")
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
