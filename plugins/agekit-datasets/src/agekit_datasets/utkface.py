"""`utkface`: UTKFace, ages 1 to 116, one file name a label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from agekit.errors import DataError
from agekit.plugin import (
    Dataset,
    FaceTable,
    Files,
    Problem,
    Protocol,
    by_content,
    find_files,
    restrict,
)
from agekit_datasets.near_duplicates import by_listed_group

__all__ = ["RACES", "UTKFace"]

RACES = ("White", "Black", "Asian", "Indian", "Others")

_NAME = re.compile(
    r"(?P<age>\d{1,3})_(?:(?P<gender>\d?)_(?P<race>\d?)_|\d_)\d{8,}"
    r"(?: ?\.jpg|jpg)?(?:\.chip)?(?:\.jpg)",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\d{1,3}_[01]_[0-4]_\d+(?:\.jpg\.chip)?\.jpg", re.IGNORECASE)
_HASHED = Protocol(
    "hash-80-10-10",
    "80/10/10 by a hash of the image's bytes: identical images are in one split",
    by_content(0.8, 0.1, "utkface"),
)


class UTKFace(Dataset):
    """UTKFace: 23,708 faces, aligned chips of 200x200 or whole photos.

    Three files lack the race, so that it is not known which of race and gender is the number they
    have: both are taken as unknown, the age stands. Two files have an oddity before their ending;
    their labels are whole. All five are told as problems and used.
    """

    name = "utkface"
    title = "UTKFace"
    licence = "non-commercial research only; copyright stays with the owners of the photos"
    source = "https://susanqq.github.io/UTKFace/"
    citation = (
        "Zhang, Song, Qi: Age Progression/Regression by Conditional Adversarial Autoencoder, "
        "CVPR 2017"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 23708}
    layout = "files {age}_{gender}_{race}_{stamp}.jpg.chip.jpg or .jpg, in any folders"
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "hash-80-10-10": _HASHED,
        "grouped-80-10-10": Protocol(
            "grouped-80-10-10",
            "as hash-80-10-10, and nearly identical images are in one split too",
            by_listed_group("utkface", 0.8, 0.1),
        ),
        "21-60": restrict(_HASHED, ages=(21, 60), name="21-60"),
    }
    default_protocol = "hash-80-10-10"

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels from the file names below `root`.

        Raises:
            DataError: no file is named as UTKFace's are.
        """
        assert root is not None
        paths: list[str] = []
        labels: list[tuple[int, int, int]] = []
        problems: list[Problem] = []
        seen: dict[str, str] = {}
        for path in find_files(root):
            file = path.rpartition("/")[2]
            match = _NAME.fullmatch(file)
            if match is None:
                problems.append(Problem("name", path, "not named as UTKFace's images are"))
            elif file in seen:
                problems.append(Problem("duplicate", path, f"the same as {seen[file]}"))
            else:
                seen[file] = path
                paths.append(path)
                labels.append(_labels(match))
                if not _WHOLE.fullmatch(file):
                    problems.append(Problem("name", path, _malformed(labels[-1]), kept=True))
        if not paths:
            found = ", ".join(p.name for p in problems[:3]) or "no file"
            raise DataError(
                f"{root}: expected {self.layout}; found: {found}", f"get it from {self.source}"
            )
        age, gender, group = zip(*labels, strict=True)
        return FaceTable.build(
            Files(root, paths),
            age,
            gender=gender,
            group=group,
            group_names=RACES,
            problems=problems,
        )


def _labels(match: re.Match[str]) -> tuple[int, int, int]:
    """Age in years; gender and race, -1 where unknown."""
    gender, race = match["gender"], match["race"]
    return (
        int(match["age"]),
        int(gender) if gender in ("0", "1") else -1,
        int(race) if race in ("0", "1", "2", "3", "4") else -1,
    )


def _malformed(labels: tuple[int, int, int]) -> str:
    unknown = [what for what, code in zip(("gender", "race"), labels[1:], strict=True) if code < 0]
    read = f"{' and '.join(unknown)} taken as unknown" if unknown else "its labels are whole"
    return f"malformed; {read}; used"
