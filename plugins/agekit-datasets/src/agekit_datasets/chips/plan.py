"""The plan of a folder of chips, so that it is only gone on with in the way it was begun."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import PLAN_FILE, FaceTable, Files, Schema, locked, standard, write_text
from agekit_datasets.chips.folder import readable
from agekit_datasets.chips.work import ChipWork

__all__ = ["Plan", "begin", "held", "make_plan", "origin_keys", "read_plan"]


class Plan(Schema):
    """Everything that the chips follow from.

    Attributes:
        version: of the way chips are cut.
        dataset: registry name.
        pictures: how many rows it has.
        names: hash of their names, in order.
        contents: hash of the content keys of those that could be read.
        unreadable: the names of those that could not when the folder was begun.
        size: side of the chips in pixels.
        format: of their files.
        quality: of JPEG and WebP.
        detector: what finds the faces, None where the pictures are taken as they are.
        margin: around the standard frame.
        points: where the points of faces come to lie, if not as the margin says.
        by: ``points`` where faces are cut out by the points that the dataset says of each, and
            only those without any are detected.
        device: ``cpu`` or ``cuda``: their numbers differ in the last digits.
    """

    version: Literal[1] = 1
    dataset: str
    pictures: int
    names: str
    contents: str
    unreadable: tuple[str, ...] = ()
    size: int
    format: str
    quality: int | None
    detector: str | None
    margin: float | None
    points: tuple[tuple[float, float], ...] | None = None
    by: Literal["detector", "points"] = "detector"
    device: str | None


_ANEW = "prepare into a new folder"
_MOST_ODD = 10
"""Files that are there and cannot be read; more are rather a broken disk than broken files."""
_CHANGED = {
    "names": "its pictures have other names, or another order",
    "contents": "pictures were changed, or cannot be read any more",
}


def make_plan(
    dataset: str,
    work: ChipWork,
    keys: NDArray[np.uint8],
    unreadable: Mapping[int, str],
    before: Plan | None,
) -> Plan:
    """The plan of chips to make; pictures unreadable when the folder was begun may change.

    Args:
        dataset: registry name.
        work: how the chips are made.
        keys: (N, 16) content keys of the pictures.
        unreadable: row to reason, of pictures that cannot be read now.
        before: what the folder was begun with, None for a new one.
    """
    names = [readable(work.images.name(i)) for i in range(len(keys))]
    lost = sorted(names[i] for i in unreadable) if before is None else before.unreadable
    left_out = set(lost)
    face = work.face
    usual = face is not None and face == standard(face.margin, face.detector)
    return Plan(
        dataset=dataset,
        pictures=len(names),
        names=_hash([name.encode() for name in names]),
        contents=_hash(
            [k.tobytes() for k, n in zip(keys, names, strict=True) if n not in left_out]
        ),
        unreadable=tuple(lost),
        size=work.size,
        format=work.encoding.format,
        quality=work.encoding.quality,
        detector=None if face is None else face.detector,
        margin=None if face is None else face.margin,
        points=None if face is None or usual else face.points,
        by="detector" if work.points is None else "points",
        device=work.device.partition(":")[0],
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Makes the folder, if it is not there, and holds it for this process.

    Raises:
        DataError: another process holds it, or the folder cannot be made.
    """
    busy = DataError(
        f"{folder}: another `agekit data prepare` is at work in it", "wait until it ends"
    )
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder / ".prepare.lock", busy))
        except OSError as error:
            raise DataError(f"{folder}: cannot be written: {error.strerror}") from None
        yield


def read_plan(folder: Path) -> Plan | None:
    """The plan that the folder was begun with; None where nothing was done in it yet.

    Raises:
        DataError: it holds something else, or its plan is damaged.
    """
    path = folder / PLAN_FILE
    names = {place.name for place in folder.iterdir() if not place.name.startswith(".")}
    if not names - {PLAN_FILE}:
        return None
    if PLAN_FILE not in names:
        raise DataError(
            f"{folder}: not empty, and not begun by `agekit data prepare`: it holds {min(names)}",
            _ANEW,
        )
    what = f"{path}: cannot be read as what the folder was begun with"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{what}: {error}", _ANEW) from error
    return Plan.parse_json(data, what, _ANEW)


def begin(folder: Path, plan: Plan, before: Plan | None) -> None:
    """Notes the plan in a new folder; makes sure that it is the same in one gone on with.

    Raises:
        DataError: it is not; says what differs.
    """
    if before is None:
        write_text(folder / PLAN_FILE, plan.model_dump_json(indent=2) + "\n")
        return
    then, now = before.model_dump(), plan.model_dump()
    differ = [name for name in then if then[name] != now[name]]
    if "dataset" in differ:
        differ = ["dataset"]
    elif "names" in differ and "contents" in differ:
        differ.remove("contents")
    if differ:
        changes = [
            _CHANGED.get(name, f"{name} {then[name]} then, {now[name]} now") for name in differ
        ]
        raise DataError(
            f"{folder} was begun differently: {'; '.join(changes)}",
            "give what it was begun with, or prepare into a new folder",
        )


def _hash(parts: Sequence[bytes]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(4, "little") + part)
    return state.hexdigest()


def origin_keys(table: FaceTable) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """The content key of every row, (N, 16), and which rows cannot be read at all, and why.

    Those have a key of zeros.

    Raises:
        DataError: more than a few files that the system lets be opened cannot be read, or a shard
            cannot.
    """
    try:
        return table.content_keys(), {}
    except DataError:
        if not isinstance(table.images, Files):
            raise
    root, paths = table.images.root, table.images.paths
    lost = {
        i: "no such file, or not to be read"
        for i in range(len(table))
        if not _readable(root / paths[i])
    }
    keys = np.zeros((len(table), 16), np.uint8)
    parts = [np.array([i for i in range(len(table)) if i not in lost], np.int64)]
    odd = 0
    while parts:
        rows = parts.pop()
        try:
            keys[rows] = table.take(rows).content_keys()
        except DataError as error:
            if len(rows) > 1:
                parts += np.array_split(rows, 2)
                continue
            odd += 1
            if odd > _MOST_ODD:
                raise
            lost[int(rows[0])] = error.message
    return keys, lost


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
