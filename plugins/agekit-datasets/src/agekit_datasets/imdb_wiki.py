"""`imdb-wiki`, `imdb`, `wiki`: half a million photos of celebrities, to pre-train on."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError
from agekit.plugin import (
    WHOLE,
    Dataset,
    FaceTable,
    Files,
    Problem,
    Protocol,
    by_identity,
    find_files,
    identity_number,
)
from agekit_datasets.matlab import numbers, read_struct, texts

__all__ = ["IMDB", "IMDBWIKI", "WIKI", "Conditions", "Part", "age_in_photo", "read_part", "years"]

_MIN_SCORE = 1.0
_MAX_AGE = 100.0
_FIELDS = ("dob", "photo_taken", "full_path", "gender", "name", "face_score", "second_face_score")
_DAYS_TO_1970 = 719_163
_LAST_DAY = 3_652_059


class IMDBWIKI(Dataset):
    """IMDB-WIKI: 460,723 photos from IMDb and 62,328 from Wikipedia, labelled by a crawler.

    The labels are noisy, so that the field takes the set through a filter, and so does this
    reader: a face was found (score at least 1), no second one was, and the age is 0 to 100. What
    the filter leaves out is counted in one problem for each reason.

    A person is known by name, alike in both parts: one who is in both is one person. Where there
    is no name, the page that the photo came from, which the file's name begins with, is taken.
    """

    name = "imdb-wiki"
    title = "IMDB-WIKI"
    licence = "academic research only; copyright stays with the owners of the photos"
    source = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/"
    citation = (
        "Rothe, Timofte, Van Gool: Deep Expectation of Real and Apparent Age from a Single Image "
        "without Facial Landmarks, IJCV 2018"
    )
    layout = (
        "imdb_crop/imdb.mat and wiki_crop/wiki.mat, each with its images in folders 00 to 99 "
        "beside it (imdb/ and wiki/ with the whole photos will do)"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 523051}
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "pretrain": Protocol(
            "pretrain",
            "95/5 train/val by person, to pre-train on; the labels are too noisy to test on",
            by_identity(0.95, 0.05, "imdb-wiki"),
            subject_exclusive=True,
        )
    }
    default_protocol = "pretrain"
    alignment = WHOLE
    parts: ClassVar[tuple[str, ...]] = ("imdb", "wiki")

    def read(self, root: Path | None) -> FaceTable:
        """Reads the labels from the .mat files and keeps the rows that pass the filter.

        Raises:
            DataError: a .mat file is missing or unreadable, a path leads out of the root, or no
                row is left.
        """
        assert root is not None
        folders = {
            part: folder for part in self.parts if (folder := _folder(root, part)) is not None
        }
        if len(folders) < len(self.parts):
            raise self._unexpected(root, folders)
        parts = [self._read_part(root, folders[part], part) for part in self.parts]
        return FaceTable.build(
            Files(root, [path for part in parts for path in part.paths]),
            np.concatenate([part.age for part in parts]),
            identity=np.concatenate([part.identity for part in parts]),
            gender=np.concatenate([part.gender for part in parts]),
            problems=[problem for part in parts for problem in part.problems],
        )

    def _read_part(self, root: Path, folder: str, part: str) -> Part:
        return read_part(root, folder, part, self.source, _usual)

    def _unexpected(self, root: Path, folders: Mapping[str, str]) -> DataError:
        mats = [f"{folder}{part}.mat" for part, folder in folders.items()]
        found = ", ".join(mats or sorted(path.name for path in root.iterdir())[:3])
        alone = "".join(f"the dataset {part!r} reads that part alone; " for part in folders)
        return DataError(
            f"{root}: expected {self.layout}; found: {found or 'nothing'}",
            f"{alone}get it from {self.source}",
        )


class IMDB(IMDBWIKI):
    """The part of IMDB-WIKI from IMDb; see there."""

    name = "imdb"
    title = "IMDB-WIKI, the part from IMDb"
    layout = (
        "imdb_crop/imdb.mat with its images in folders 00 to 99 beside it "
        "(imdb/ with the whole photos will do, and either folder itself)"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 460723}
    parts = ("imdb",)


class WIKI(IMDBWIKI):
    """The part of IMDB-WIKI from Wikipedia; see there."""

    name = "wiki"
    title = "IMDB-WIKI, the part from Wikipedia"
    layout = (
        "wiki_crop/wiki.mat with its images in folders 00 to 99 beside it "
        "(wiki/ with the whole photos will do, and either folder itself)"
    )
    official: ClassVar[Mapping[str, int]] = {"images": 62328}
    parts = ("wiki",)


def age_in_photo(born: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """The age in photos of which only the year is known: they are taken to be from mid-year.

    Args:
        born: (N,) dates of birth in Matlab's days, in which 1 January of the year 1 is 367.
        taken: (N,) years.

    Returns:
        (N,) years, the year of birth taken from that of the photo and one more from those born
        in July or later; NaN where either is unknown.
    """
    return years(born, taken) - (_day(born).astype("datetime64[M]").astype(np.int64) % 12 >= 6)


def years(born: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """The years from that of birth to that of the photo, as `age_in_photo`; months do not count."""
    known = np.isfinite(born) & np.isfinite(taken)
    year = _day(born).astype("datetime64[Y]").astype(np.int64) + 1970
    return np.where(known, taken - year, np.nan)


def _day(born: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Matlab's days as dates; any where they are none."""
    ordinal = np.clip(np.trunc(np.nan_to_num(born, posinf=0, neginf=0)) - 366, 1, _LAST_DAY)
    days: NDArray[np.datetime64] = (ordinal.astype(np.int64) - _DAYS_TO_1970).astype(
        "datetime64[D]"
    )
    return days


@dataclass(frozen=True)
class Part:
    """The rows of one part: paths below the root and their labels, and the rows left out."""

    paths: list[str]
    age: NDArray[np.float64]
    identity: NDArray[np.int64]
    gender: NDArray[np.int8]
    problems: list[Problem]


def _folder(root: Path, part: str) -> str | None:
    """Where below `root` a part's .mat is: "" or a folder with a slash; None if nowhere."""
    places = (f"{part}_crop/", f"{part}/", "", f"{part}_crop/{part}_crop/")
    return next((place for place in places if (root / place / f"{part}.mat").is_file()), None)


Conditions = Sequence[tuple[NDArray[np.bool_], str]]
"""What the rows of a .mat must meet, (N,) each, and what those are that do not."""


def read_part(
    root: Path,
    folder: str,
    part: str,
    source: str,
    choose: Callable[[Mapping[str, NDArray[Any]]], tuple[NDArray[np.float64], Conditions]],
) -> Part:
    """Reads one .mat.

    Args:
        root: of the dataset.
        folder: the part's below it, "" or with a slash at its end.
        part: ``imdb`` or ``wiki``.
        source: where to get it.
        choose: from the fields of the .mat to the ages, (N,) years, and which rows are kept.
    """
    file = f"{part}.mat"
    mat = read_struct(root / folder / file, part, _FIELDS, source)
    age, conditions = choose(mat)
    left, problems = _filter(mat, conditions, folder, file)
    paths = texts(mat["full_path"][left])
    there = set(find_files(root / folder))
    missing = [path for path in paths if path not in there]
    Files(root / folder, missing)  # refuses a path that leads out of the folder
    met: dict[str, int] = {}
    for path, i in zip(paths, left.tolist(), strict=True):
        where = f"{file} row {i + 1}"
        if path not in there:
            problems.append(Problem("missing", folder + path, f"{where}: no such file"))
        elif path in met:
            again = f"{where}: named before in row {met[path] + 1}; the first row counts"
            problems.append(Problem("duplicate", folder + path, again))
        else:
            met[path] = i
    rows = list(met.values())
    return Part(
        [folder + path for path in met],
        age[rows],
        _people(texts(mat["name"][rows]), list(met)),
        _genders(numbers(mat["gender"])[rows]),
        problems,
    )


def _usual(mat: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64], Conditions]:
    """The rows that the field keeps."""
    score, second = numbers(mat["face_score"]), numbers(mat["second_face_score"])
    age = age_in_photo(numbers(mat["dob"]), numbers(mat["photo_taken"]))
    return age, (
        (score > -np.inf, "no face was found"),
        (score >= _MIN_SCORE, f"the face's score is below {_MIN_SCORE:g}"),
        (np.isnan(second), "a second face was found"),
        ((age >= 0) & (age <= _MAX_AGE), f"the age is not from 0 to {_MAX_AGE:g}"),
    )


def _filter(
    mat: Mapping[str, NDArray[Any]], conditions: Conditions, folder: str, file: str
) -> tuple[NDArray[np.int64], list[Problem]]:
    """The rows that are kept; those left out, as one problem for each reason."""
    left = np.arange(len(mat["full_path"]))
    problems = []
    for good, why in conditions:
        out = left[~good[left]]
        left = left[good[left]]
        if len(out):
            first = folder + texts(mat["full_path"][out[:1]])[0]
            told = f"{why}; left out with {len(out) - 1:,} more rows of {file}"
            problems.append(Problem("filter", first, told))
    return left, problems


def _people(names: list[str], paths: list[str]) -> NDArray[np.int64]:
    """A number for each row's person."""
    people = [_person(name) or _page(path) for name, path in zip(names, paths, strict=True)]
    numbered = {person: identity_number(person) for person in set(people)}
    return np.array([numbered[person] for person in people], np.int64)


def _genders(gender: NDArray[np.float64]) -> NDArray[np.int8]:
    """0 male, 1 female, -1 unknown, from 0 female, 1 male, NaN unknown."""
    return np.select([gender == 1, gender == 0], [0, 1], -1).astype(np.int8)


def _person(name: str) -> str:
    """A name without what may differ between two spellings of it by machines."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _page(path: str) -> str:
    """The person's page, which begins the file's name: ``nm0000001`` or ``10000217``."""
    return path.rpartition("/")[2].partition("_")[0]
