"""A dataset split by a protocol, with the hash that says which split it is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agekit.data.alignment import Alignment
from agekit.data.columns import COLUMN_NAMES, Columns
from agekit.data.dataset import Dataset
from agekit.data.protocols import Protocol
from agekit.data.rows import parse_split
from agekit.data.sheet import read_sheet
from agekit.data.source import culprit_of, open_dataset, place_of, read_source
from agekit.data.table import SPLITS, FaceTable, Problem
from agekit.errors import ConfigError, DataError, listed, nearest
from agekit.registry import DATASETS

__all__ = ["SPLIT_FILE", "Faces", "load_faces", "split_file"]

SPLIT_FILE = ".csv"
"""The ending of a user's own split."""


@dataclass(frozen=True)
class Faces:
    """A dataset, read and split.

    Attributes:
        table: its N rows.
        codes: (N,) int8: -1 unused, else the index into `SPLITS`.
        dataset: the dataset's name.
        protocol: dataset and protocol, as in ``utkface:hash-80-10-10``.
        metrics: what the protocol is scored by.
        subject_exclusive: whether no person is in two splits.
        face: how the faces were cut, as far as the data says.
        drawn: what was drawn at random of it in place of the protocol's split; "" if nothing was.
    """

    table: FaceTable
    codes: NDArray[np.int8]
    dataset: str
    protocol: str
    metrics: tuple[str, ...] = ("mae",)
    subject_exclusive: bool = False
    face: Alignment = field(default_factory=Alignment)
    drawn: str = ""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The rows that the reader left out or read in part, and why."""
        return self.table.problems

    @cached_property
    def split_hash(self) -> str:
        """16 hex digits: SHA-256 over the sorted lines ``<digest> <split>`` of the rows in use.

        Independent of the rows' order and of the files' names.
        """
        digests = self.table.content_keys()
        used = np.flatnonzero(self.codes >= 0)
        lines = sorted(f"{digests[i].tobytes().hex()} {SPLITS[self.codes[i]]}\n" for i in used)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    @cached_property
    def shared_identities(self) -> int:
        """The number of people who are in more than one split."""
        used = (self.codes >= 0) & (self.table.identity >= 0)
        pairs = np.unique(np.stack([self.table.identity[used], self.codes[used]]), axis=1)
        return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())

    def rows(self, split: Literal["train", "val", "test", "all"]) -> NDArray[np.int64]:
        """The rows of one split, or of all three.

        Raises:
            DataError: there are none.
            ConfigError: there is no such split.
        """
        if split == "all":
            found = np.flatnonzero(self.codes >= 0)
        elif split in SPLITS:
            found = np.flatnonzero(self.codes == SPLITS.index(split))
        else:
            raise ConfigError(f"no split {split!r}", f"the splits are {', '.join(SPLITS)} and all")
        if len(found) == 0:
            have = {s: int((self.codes == i).sum()) for i, s in enumerate(SPLITS)}
            counts = ", ".join(f"{s} ({n})" for s, n in have.items() if n) or "none"
            raise DataError(f"{self.protocol} has no {split} rows; splits that have: {counts}")
        return found


def load_faces(
    dataset: str | Dataset,
    root: str | PathLike[str] | None = None,
    protocol: str | None = None,
    *,
    columns: Columns | None = None,
    tell: Callable[[str], None] | None = None,
) -> Faces:
    """Reads a dataset and splits it.

    The root may also be chips that ``agekit data prepare`` cut from the dataset, or shards that
    ``agekit data pack`` made of it: they are split as the dataset itself is.

    Args:
        dataset: its registry name, or the dataset itself.
        root: where it lies; else ``$AGEKIT_DATA/<dataset>``.
        protocol: the protocol's name, also with the dataset's name and a colon before it; or the
            path of a csv that says which image is in which split.
        columns: field → column of a table of the user's own; see `Dataset.read_named`.
        tell: gets what the reader has to tell; else it is logged as warnings.

    Raises:
        ConfigError: no such dataset or protocol, or no columns that could be named.
        DataError: the dataset cannot be read or split.
    """
    reader = open_dataset(dataset)
    rule = _protocol(reader, protocol)
    place = place_of(reader, None if root is None else Path(root))
    table, face = read_source(reader, place, columns, tell=tell)
    culprit = culprit_of(reader)
    with culprit.doing(f"cannot be split by its protocol {rule.name!r}", but=OSError):
        codes = rule.assign(table)
    if not isinstance(codes, np.ndarray) or codes.shape != (len(table),) or codes.dtype.kind != "i":
        raise culprit.error(f"gives no split of each row by its protocol {rule.name!r}")
    full = f"{reader.name}:{rule.name}"
    name = DATASETS.pinned(dataset) if isinstance(dataset, str) else reader.name
    return Faces(table, codes, name, full, rule.metrics, rule.subject_exclusive, face)


def _protocol(reader: Dataset, protocol: str | None) -> Protocol:
    name = (protocol or reader.default_protocol).removeprefix(f"{reader.name}:")
    if name in reader.protocols:
        return reader.protocols[name]
    if name.endswith(SPLIT_FILE):
        return split_file(Path(name))
    close = nearest(name, reader.protocols)
    raise ConfigError(
        f"{reader.name} has no protocol {name!r}{close}",
        f"it has {listed(reader.protocols, 12)}; or give a csv of path and split",
    )


def split_file(path: Path) -> Protocol:
    """The protocol of a csv with the columns path (by any of its usual names) and split.

    An image is known by its path below the dataset's root or, where no other has it, by its file
    name; the ending does not count, so that chips are split as the photos they were cut from.

    Raises:
        DataError: the file cannot be read or lacks a column; (when assigned) it names no image of
            the dataset, or a split is none of train, val and test.
    """
    sheet = read_sheet(path)
    names = sheet.column(*COLUMN_NAMES["path"])
    wanted: dict[str, int] = {}
    for i, (name, text) in enumerate(zip(names, sheet.column("split"), strict=True)):
        split = parse_split(text)
        if not split:
            raise DataError(
                f"{sheet.path}, line {sheet.lines[i]}: split {text!r} is none of train, val, test"
            )
        code = SPLITS.index(split)
        if wanted.setdefault(_key(name), code) != code:
            raise DataError(f"{sheet.path}, line {sheet.lines[i]}: {name} is in two splits")

    def assign(table: FaceTable) -> NDArray[np.int8]:
        keys = [_key(table.images.name(i)) for i in range(len(table))]
        files = Counter(key.rpartition("/")[2] for key in keys)

        def code(key: str) -> int:
            file = key.rpartition("/")[2]
            return wanted.get(key, wanted.get(file, -1) if files[file] == 1 else -1)

        codes = np.array([code(key) for key in keys], np.int8)
        if not (codes >= 0).any():
            raise DataError(
                f"{path} names none of the dataset's images; the first it names: "
                f"{', '.join(names[:2]) or 'none'}; the dataset's: {table.images.name(0)}",
                "give the paths below the dataset's root, or the file names",
            )
        return codes

    return Protocol(path.stem, f"as {path.name} says", assign)


def _key(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix().lower()
