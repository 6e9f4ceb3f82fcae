"""`lagenda`: LAGENDA, everyday photos to test age and gender on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.plugin import WHOLE, Dataset, FaceTable, Protocol, Rows, Sheet, by_content, read_sheet
from agekit_datasets.folders import image_folder

__all__ = ["LAGENDA"]

_FOLDERS = ("", "images/", "lag_benchmark/")


def _all_to_test(table: FaceTable) -> NDArray[np.int8]:
    return np.full(len(table), 2, np.int8)


class LAGENDA(Dataset):
    """LAGENDA: 67,159 photos of Open Images, with the age and gender of some of the people.

    A photo often shows more faces than have a label, and a photo's face is here its largest. So a
    photo is taken if one face alone has an age, and no other face in it has a larger box; those
    left out are counted in one problem for each reason. The boxes are not applied beyond that:
    images are taken whole, and ``agekit data prepare`` finds the faces anew.
    """

    name = "lagenda"
    title = "LAGENDA (Layer Age Gender Dataset)"
    licence = "the authors' terms; the photos are Open Images', under CC BY"
    source = "https://wildchlamydia.github.io/lagenda/"
    citation = (
        "Kuprashevich, Tolstykh: MiVOLO: Multi-input Transformer for Age and Gender Estimation, "
        "arXiv 2307.04616"
    )
    layout = "lagenda_annotation.csv, and the images it names, lag_benchmark/*.jpg, beside it"
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "test": Protocol("test", "a benchmark: all to test", _all_to_test),
        "hash-80-10-10": Protocol(
            "hash-80-10-10",
            "80/10/10 by a hash of the image's bytes, to train on; not the benchmark",
            by_content(0.8, 0.1, "lagenda"),
        ),
    }
    default_protocol = "test"
    alignment = WHOLE

    def read(self, root: Path | None) -> FaceTable:
        """Reads the csv.

        Raises:
            DataError: it is missing or unreadable, or no row is usable.
        """
        assert root is not None
        rows = Rows(root)
        labels = _find_labels(rows)
        if labels is None:
            raise rows.expected(self.layout, self.source)
        sheet = read_sheet(rows.root / labels)
        names = sheet.column("img_name")
        folder = image_folder(rows, labels, names, _FOLDERS)
        ages = [sheet.number(text) for text in sheet.column("age")]
        genders = sheet.column("gender", default="")
        areas = _areas(sheet)
        images: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            images.setdefault(name, []).append(i)
        left_out: dict[str, list[str]] = {}
        for name, faces in images.items():
            labelled = [i for i in faces if (age := ages[i]) is None or age >= 0]
            if why := _objection(faces, labelled, areas):
                left_out.setdefault(why, []).append(name)
                continue
            i = labelled[0]
            rows.add(
                folder + name if rows.find(folder + name) else name,
                ages[i],
                gender="" if genders[i] == "-1" else genders[i],
                where=sheet.where(i),
            )
        for why, found in left_out.items():
            rows.problem("faces", found[0], f"{why}; left out with {len(found) - 1:,} more images")
        return rows.build()


def _find_labels(rows: Rows) -> str | None:
    """The csv named for the dataset, else the only one."""
    tables = [path for path in rows.files if path.lower().endswith(".csv")]
    named = [path for path in tables if "lagenda" in path.lower().rpartition("/")[2]]
    return named[0] if named else tables[0] if len(tables) == 1 else None


def _areas(sheet: Sheet) -> NDArray[np.float64]:
    """The area of each row's face box in pixels; 0 where there is none (all are -1)."""
    sides = [
        np.array([sheet.number(text) or 0.0 for text in sheet.column(name)])
        for name in ("face_x0", "face_y0", "face_x1", "face_y1")
    ]
    left, top, right, bottom = (np.nan_to_num(side) for side in sides)
    area: NDArray[np.float64] = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    return area


def _objection(faces: Sequence[int], labelled: Sequence[int], areas: NDArray[np.float64]) -> str:
    """Why an image's label is not its face's; "" if it is."""
    if not labelled:
        return "no face has an age"
    if len(labelled) > 1:
        return "more than one face has an age"
    if areas[labelled[0]] == 0:
        return "the person with an age shows no face"
    if areas[labelled[0]] < areas[list(faces)].max():
        return "another face is larger than the one with an age"
    return ""
