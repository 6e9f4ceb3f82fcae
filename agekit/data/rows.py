"""The rows of a dataset while they are read; whatever keeps one out is told."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agekit.data.files import Files
from agekit.data.formats import is_image
from agekit.data.scan import left_out, scan, split_images
from agekit.data.table import COLUMNS, SPLITS, FaceTable, Problem
from agekit.errors import DataError, counted, listed

__all__ = ["Rows", "folder_splits", "identity_number", "parse_gender", "parse_split"]

_GENDER = {"m": 0, "male": 0, "0": 0, "f": 1, "female": 1, "1": 1}
_SPLIT = {"train": 0, "training": 0, "test": 2, "testing": 2} | dict.fromkeys(
    ("val", "valid", "validation", "dev", "development"), 1
)
_SPLIT_FOLDER = re.compile(r"(.*?)[-_ ]?(?:set|data|images|imgs|faces|split)?")
_NAN = float("nan")


@dataclass
class Rows:
    """Collects rows for images below a folder and makes the face table of them.

    The folder is listed once; a path whose letters' case or accents are encoded
    otherwise than the file's finds the file.

    Args:
        root: the folder that paths are relative to.
    """

    root: Path
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _columns: dict[str, list[Any]] = field(init=False)
    _seen: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = scan(self.root)
        self.files = found.files
        self.notes.extend(found.notes())
        self._there = set(self.files)
        self._folded = {_fold(name): name for name in self.files}
        self._columns = {name: [] for name in ("path", *COLUMNS)}

    def __len__(self) -> int:
        """The number of rows so far."""
        return len(self._columns["path"])

    def find(self, path: str) -> str | None:
        """The file at `path` as it is spelled on the disk, or None."""
        return path if path in self._there else self._folded.get(_fold(path))

    def add(
        self,
        path: str,
        age: float | str | None,
        *,
        sigma: float | None = _NAN,
        identity: str | int = -1,
        gender: int | str = -1,
        group: str = "",
        split: str = "",
        where: str = "",
    ) -> bool:
        """Adds one row, or notes why not; odd optional values are told and left out.

        Args:
            path: the image below the root; forward or backward slashes; an absolute path below
                the root will do.
            age: years, NaN where unknown; None where it is no number, or the reason why there is
                none.
            sigma: standard deviation of the label in years, NaN unknown; None or negative is
                left out, and noted.
            identity: the person: a number, or a name; -1 or "" unknown.
            gender: 0 male, 1 female, -1 unknown; or a text, as `parse_gender` takes it.
            group: the group's name, "" unknown.
            split: ``train``, ``val``, ``test`` and the like, see `parse_split`; "" none.
            where: the line of the label file.

        Returns:
            Whether it was added.
        """
        name = _relative(path, self.root)
        place = f"{where}: " if where else ""
        if not name:
            self.problem("path", where, "no path")
            return False
        climbs = os.path.isabs(name) or ".." in name.split("/")
        file = name if climbs else self.find(name)
        if file is None:
            self.problem("missing", name, f"{place}no such file")
            return False
        if file in self._seen:
            first = self._seen[file]
            again = f"named before{f' in {first}' if first else ''}; the first row counts"
            self.problem("duplicate", file, place + again)
            return False
        self._seen[file] = where
        if age is None or isinstance(age, str):
            self.problem("age", file, place + (age or "the age is no number"))
            return False
        odd = {"sigma": "the standard deviation is unusable: left out"}
        if sigma is not None and not sigma < 0:
            del odd["sigma"]
        sex = parse_gender(gender) if isinstance(gender, str) else gender
        if sex is None:
            odd["gender"] = f"{gender!r} taken as unknown"
        part = parse_split(split)
        if part is None:
            odd["split"] = f"{split!r} taken as none"
        for kind, detail in odd.items():
            self.problem(kind, file, place + detail, kept=True)
        row = {
            "path": file,
            "age": age,
            "sigma": _NAN if "sigma" in odd else sigma,
            "identity": identity_number(identity),
            "gender": -1 if sex is None else sex,
            "group": group,
            "split": part or "",
        }
        for column, value in row.items():
            self._columns[column].append(value)
        return True

    def images(self) -> list[str]:
        """The images among the files; the others become problems, and a note."""
        images, others = split_images(self.root, self.files)
        for path in others:
            self.problem("name", path, "not an image")
        if others:
            self.notes.append(left_out(others))
        return images

    def named(self) -> Set[str]:
        """The files that rows have named so far, used or not."""
        return self._seen.keys()

    def take_folder_splits(self) -> None:
        """Takes the splits from the folders the images are in, where no row has one so far."""
        if any(self._columns["split"]):
            return
        splits, notes = folder_splits(self._columns["path"])
        self._columns["split"][:] = splits
        self.notes.extend(notes)

    def problem(self, kind: str, name: str, detail: str, *, kept: bool = False) -> None:
        """Notes a row or file that is left out or, where it is `kept`, read in part."""
        self.problems.append(Problem(kind, name, detail, kept))

    def unlisted(self, listed: str, known: Collection[str] = ()) -> None:
        """Notes the images that no row is of, as one problem.

        Args:
            listed: what names the images, for people.
            known: images that are known of otherwise.
        """
        named = {*self._seen, *known}
        left = [file for file in self.files if is_image(file) and file not in named]
        if left:
            self.problem(
                "unlisted",
                left[0],
                f"{listed} does not name it: left out with {len(left) - 1:,} more",
            )

    def build(self, group_names: Sequence[str] = ()) -> FaceTable:
        """The face table.

        Args:
            group_names: the dataset's groups in its own order; else those met, sorted.

        Raises:
            DataError: no row is usable.
        """
        c = self._columns
        names = list(group_names) or sorted({*c["group"]} - {""})
        codes = {"": -1} | {name: i for i, name in enumerate(names)}
        splits = {"": -1} | {name: i for i, name in enumerate(SPLITS)}
        return FaceTable.build(
            Files(self.root, c["path"]),
            c["age"],
            sigma=c["sigma"],
            identity=c["identity"],
            gender=c["gender"],
            group=[codes[group] for group in c["group"]],
            group_names=names,
            split=[splits[split] for split in c["split"]],
            problems=self.problems,
            notes=self.notes,
        )

    def expected(self, layout: str, source: str = "") -> DataError:
        """The error for a folder that is laid out differently; says what is there."""
        return DataError(
            f"{self.root}: expected {layout}; found: {listed(self.files) or 'no file'}",
            source and f"get it from {source}",
        )


def identity_number(name: str | int) -> int:
    """A number for a person's name, the same on every machine; -1 for none."""
    if isinstance(name, int):
        return name
    if name in ("", "-1"):
        return -1
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8).digest()) >> 1


def parse_gender(text: str) -> int | None:
    """0 male, 1 female, -1 for no text, None for text that is neither."""
    return _GENDER.get(text.strip().lower()) if text.strip() else -1


def parse_split(text: str) -> str | None:
    """``train``, ``val``, ``test``, "" for no text, None for text that is none of them."""
    code = _SPLIT.get(text.strip().lower())
    return (None if text.strip() else "") if code is None else SPLITS[code]


def folder_splits(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The split of each image by the folders ``train``, ``val``, ``test`` and the like it is in.

    Where all of those there are is ``train``, nothing is set aside, and no image has a split.

    Args:
        paths: of the images, with forward slashes.

    Returns:
        The splits as `parse_split` names them, "" none; and what to tell of them.
    """
    folders = [path.rpartition("/")[0] for path in paths]
    known = {folder: _folder_split(folder) for folder in set(folders)}
    splits = [known[folder] for folder in folders]
    counts = {split: splits.count(split) for split in SPLITS if split in splits}
    if not counts:
        return splits, []
    if [*counts] == ["train"]:
        return [""] * len(splits), [
            "only the folder of a split train is there: its images are split anew"
        ]
    shown = ", ".join(f"{split} {n:,}" for split, n in counts.items())
    notes = [f"the folders' names are taken for the split: {shown}"]
    if outside := splits.count(""):
        first = paths[splits.index("")]
        place = "in no folder of a split and"
        lie = counted(outside, f"image lies {place} is", f"images lie {place} are")
        notes.append(f"{lie} not used: {first}")
    return splits, notes


def _folder_split(folder: str) -> str:
    """The split that the first folder with the name of one on the way stands for, else ""."""
    for name in folder.lower().split("/"):
        match = _SPLIT_FOLDER.fullmatch(name)
        if split := parse_split(match[1] if match else name):
            return split
    return ""


def _fold(path: str) -> str:
    """A name without what differs between its spellings: case, composed or separate accents."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).lower()


def _relative(path: str, root: Path) -> str:
    """The path with forward slashes; absolute ones below `root` are made relative to it."""
    name = path.replace("\\", "/")
    if name and os.path.isabs(name):
        for base in (root, Path(os.path.realpath(root))):
            if Path(name).is_relative_to(base):
                return Path(name).relative_to(base).as_posix()
        return name
    if "./" not in name and "//" not in name:
        return name
    return "/".join(part for part in name.split("/") if part not in ("", "."))
