"""The file of ``agekit predict --boxes``: where another detector found faces."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agekit.cli.output import say
from agekit.errors import DataError, counted

__all__ = ["read_boxes"]

BOX = ("x0", "y0", "x1", "y1")
_TAKEN = (
    "a csv with the columns path, x0, y0, x1, y1, a row a face, or a JSON list of "
    '{"path", "faces": [{"box", "points"}]}, as agekit predict writes them'
)


def read_boxes(file: str, paths: Sequence[str]) -> dict[str, list[Any]]:
    """The faces of images.

    Paths of the file are those of the images, or lead to them from the file's folder. Images that
    it does not name have no faces, which is said, as is what it names besides.

    Args:
        file: a csv, or a JSON document.
        paths: of the images.

    Returns:
        ``boxes`` and ``points``, an entry for each image, as `PredictorBase.predict` takes them;
        only the one that the file gives.

    Raises:
        DataError: it cannot be read, or is neither.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig", errors="surrogateescape")
        rows = list(_json(text) if text.lstrip().startswith(("[", "{")) else _csv(text))
    except OSError as error:
        raise DataError(f"--boxes {file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"--boxes {file}: is no list of boxes: {reason}", _TAKEN) from None
    known = {os.path.realpath(path): path for path in paths}
    folder = os.path.dirname(file)
    faces: dict[str, dict[str, list[Any]]] = {path: {"boxes": [], "points": []} for path in paths}
    others = 0
    for path, box, points in rows:
        here = known.get(os.path.realpath(path)) or known.get(
            os.path.realpath(os.path.join(folder, path))
        )
        if here is None:
            others += 1
            continue
        for kind, value in (("boxes", box), ("points", points)):
            if value is not None:
                faces[here][kind].append(value)
    without = sum(not found["boxes"] and not found["points"] for found in faces.values())
    if without:
        say(f"note: {counted(without, 'image has', 'images have')} no face in {file}")
    if others:
        are = counted(others, f"face in {file} is", f"faces in {file} are")
        say(f"note: {are} of other images")
    kinds = [kind for kind in ("boxes", "points") if any(found[kind] for found in faces.values())]
    return {kind: [faces[path][kind] for path in paths] for kind in kinds or ["boxes"]}


_GivenFace = tuple[str, Any, Any]


def _json(text: str) -> Iterator[_GivenFace]:
    images = json.loads(text)
    if not isinstance(images, list):
        raise ValueError("its JSON is not a list")
    for image in images:
        for face in image["faces"]:
            if face.get("box") is None and face.get("points") is None:
                raise ValueError(f"a face of {image['path']} has neither box nor points")
            yield image["path"], face.get("box"), face.get("points")


def _csv(text: str) -> Iterator[_GivenFace]:
    table = csv.DictReader(text.splitlines(keepends=True))
    missing = {"path", *BOX} - {*(table.fieldnames or ())}
    if missing:
        raise ValueError(f"it has no column {', '.join(sorted(missing))}")
    for row in _faces(table):
        try:
            yield row["path"], [float(row[end]) for end in BOX], None
        except (TypeError, ValueError):
            raise ValueError(f"line {table.line_num}: its box is not four numbers") from None


def _faces(table: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    """The rows that are of a face: those of images without have empty boxes."""
    return (row for row in table if any(row[end] for end in BOX))
