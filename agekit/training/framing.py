"""The frame that faces are shown to a model in: that of the data, or that of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agekit._mistakes import Schema
from agekit.data.alignment import Alignment, prepare_command
from agekit.data.files import EncodedImages
from agekit.data.join import JoinedImages
from agekit.data.split import Faces
from agekit.data.table import ImageSource
from agekit.errors import DataError, counted
from agekit.faces.align import MEASURED, TOLERANCE, differ, eyes, known_points, reframing, standard
from agekit.faces.framing import LOOSE, CutByPoints, Reframed, measure_dataset
from agekit.registry import DETECTORS
from agekit.training.display import Display

__all__ = ["Framing", "find_framing"]

_STANDARD = "the standard"


class Framing(Schema):
    """The alignment of faces in the data, and in what a model is shown of them.

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
        """The places for the points, (5, 2) shares of the side, where that is known."""
        return None if self.wanted is None else known_points(self.wanted)

    @property
    def aimless(self) -> bool:
        """True if there is a model that does not say where the points lie in its faces."""
        return self.wanted is not None and self.target is None


def _find_several(faces: Faces, ask: _Ask, roots: Mapping[str, Path]) -> Framing:
    parts, notes = faces.separate(), list[str]()
    if ask.as_chips and not any(part.face.align == "whole" for part in parts):
        notes.append(f"none of {faces.dataset} is of whole photos: --as-chips changes nothing")
    asks = [replace(ask, as_chips=ask.as_chips and p.face.align == "whole") for p in parts]
    if ask.target is None:
        if ask.aimless:
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
    """The framing of one dataset: by its points, as it says, else as measured; or it is refused."""
    name, stated, wanted = faces.dataset, faces.face, ask.wanted
    like = "" if ask.target is None else ask.model
    if stated.align == "whole" and not ask.as_chips:
        has_points = faces.table.points is not None
        if has_points and isinstance(faces.table.images, EncodedImages) and not ask.aimless:
            return _by_points(faces, ask)
        if wanted is None or wanted.align != "whole":
            raise DataError(
                f"{name} is a dataset of whole photos: faces have to be cut out of them first",
                f"run `{prepare_command(name, root, like)}`, then give {option}; or take "
                "the photos' middle squares as they are: --as-chips",
            )
    notes = _ignored(faces, ask)
    if known_points(stated) is not None:
        return _reframe(name, stated, ask, TOLERANCE, notes)

    detector = ask.detector or (wanted or stated).detector
    found, note = measure_dataset(faces, detector, ask.device)
    notes.append(note)
    measured = found.alignment
    if known_points(measured) is None:
        if ask.must_fit and ask.target is not None:
            hint = f"cut them: `{prepare_command(name, root, alignment=wanted)}`"
            raise DataError(note, f"{hint}, then give {option}")
        command = prepare_command(name, root, like)
        notes.append(f"they are used as they are; if they are photos, cut them: {command}")
        unknown = measured.model_copy(update={"align": stated.align})
        return Framing(data=unknown, shown=unknown, notes=tuple(notes))
    if found.spread > LOOSE:
        notes.append(
            f"eyes lie {found.spread:.1%} of the side away from there, as in photos or loose "
            f"crops; to cut all alike: {prepare_command(name, root, like)}"
        )
    return _reframe(name, measured, ask, MEASURED, notes)


def _ignored(faces: Faces, ask: _Ask) -> list[str]:
    """A note of each thing asked for that changes nothing with this dataset.

    Raises:
        UnknownNameError: there is no such detector.
    """
    name, notes = faces.dataset, list[str]()
    if ask.as_chips and faces.face.align != "whole":
        notes.append(f"{name} is not a dataset of whole photos: --as-chips changes nothing")
    if ask.aimless:
        notes.append(
            f"{ask.model} does not say where the eyes, nose and mouth lie in the faces it was "
            f"trained on: those of {name} are shown to it as they are"
        )
    if ask.detector is not None:
        DETECTORS.find(ask.detector)
        if known_points(faces.face) is not None:
            notes.append(
                f"the detector {ask.detector} is not used: {name} says where its faces lie"
            )
    return notes


def _reframe(
    name: str, data: Alignment, ask: _Ask, tolerance: float, notes: Sequence[str]
) -> Framing:
    """The data in the model's frame, where that is known and not the data's own already."""
    have = known_points(data)
    if have is None or ask.target is None or not differ(have, ask.target, tolerance):
        return Framing(data=data, shown=data, notes=tuple(notes))
    assert ask.wanted is not None
    note = reframing(have, ask.target, name, ask.model)
    return Framing(data=data, shown=ask.wanted, notes=(*notes, note))
