"""A dataset split by a protocol, with the hash that says which split it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agekit.data import notes
from agekit.data.alignment import Alignment
from agekit.data.columns import Columns
from agekit.data.dataset import Dataset
from agekit.data.join import JoinedImages, identical_elsewhere, join_tables, rows_by_dataset
from agekit.data.protocols import Protocol
from agekit.data.several import AND, for_each, members
from agekit.data.source import culprit_of, open_dataset, place_of, read_source
from agekit.data.split_file import SPLIT_FILE, split_file
from agekit.data.table import SPLITS, FaceTable, Problem
from agekit.errors import ConfigError, DataError, counted, listed, nearest
from agekit.registry import DATASETS

__all__ = ["Faces", "Root", "load_faces"]

Root = str | PathLike[str]
"""The place of a dataset."""


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
        parts: the datasets that these are the faces of, where there are several.
    """

    table: FaceTable
    codes: NDArray[np.int8]
    dataset: str
    protocol: str
    metrics: tuple[str, ...] = ("mae",)
    subject_exclusive: bool = False
    face: Alignment = field(default_factory=Alignment)
    drawn: str = ""
    parts: tuple[Faces, ...] = ()

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

    def parts_told(self) -> list[dict[str, str]]:
        """The record of each of several datasets that runs and results keep."""
        return [
            {"dataset": part.dataset, "protocol": part.protocol, "split_hash": part.split_hash}
            for part in self.parts
        ]

    def separate(self) -> list[Faces]:
        """The faces of each dataset by itself, in the splits that they have here."""
        images = self.table.images
        assert isinstance(images, JoinedImages)
        out = []
        for part, (name, rows) in zip(self.parts, rows_by_dataset(self.table).items(), strict=True):
            table = replace(self.table.take(rows), images=images.sources[name])
            if table.points is not None and np.isnan(table.points).all():
                table = replace(table, points=None)
            out.append(replace(part, table=table, codes=self.codes[rows]))
        return out


def load_faces(
    dataset: str | Dataset,
    root: Root | Mapping[str, Root] | None = None,
    protocol: str | Mapping[str, str] | None = None,
    *,
    columns: Columns | None = None,
    tell: Callable[[str], None] | None = None,
) -> Faces:
    """Reads a dataset and splits it.

    The root may also be chips that ``agekit data prepare`` cut from the dataset, or shards that
    ``agekit data pack`` made of it: they are split as the dataset itself is.

    Args:
        dataset: its registry name, or the dataset itself; or several names with a plus between.
            Each of several is split by its own protocol.
        root: where it lies, or dataset → where; else ``$AGEKIT_DATA/<dataset>``.
        protocol: the protocol's name, also with the dataset's name and a colon before it; or the
            path of a csv that says which image is in which split; or dataset → one of these.
        columns: field → column of a table of the user's own; see `Dataset.read_named`.
        tell: gets what the reader has to tell; else it is logged as warnings.

    Raises:
        ConfigError: no such dataset or protocol, or no columns that could be named.
        DataError: the dataset cannot be read or split.
    """
    if isinstance(dataset, str) and len(names := members(dataset)) > 1:
        return _load_several(names, root, protocol, columns, tell)
    called = dataset if isinstance(dataset, str) else dataset.name
    roots, common = for_each(called, root, "--root")
    protocols, every = for_each(called, protocol, "--protocol")
    reader = open_dataset(dataset)
    rule = _protocol(reader, protocols.get(called, every))
    place = place_of(reader, roots.get(called, common))
    return _read(dataset, reader, rule, place, columns, tell)


def _read(
    dataset: str | Dataset,
    reader: Dataset,
    rule: Protocol,
    place: Path | None,
    columns: Columns | None,
    tell: Callable[[str], None] | None,
) -> Faces:
    table, face = read_source(reader, place, columns, tell=tell)
    culprit = culprit_of(reader)
    with culprit.doing(f"cannot be split by its protocol {rule.name!r}", but=OSError):
        codes = rule.assign(table)
    if not isinstance(codes, np.ndarray) or codes.shape != (len(table),) or codes.dtype.kind != "i":
        raise culprit.error(f"gives no split of each row by its protocol {rule.name!r}")
    full = f"{reader.name}:{rule.name}"
    name = DATASETS.pinned(dataset) if isinstance(dataset, str) else reader.name
    return Faces(table, codes, name, full, rule.metrics, rule.subject_exclusive, face)


def _load_several(
    names: Sequence[str],
    root: Root | Mapping[str, Root] | None,
    protocol: str | Mapping[str, str] | None,
    columns: Columns | None,
    tell: Callable[[str], None] | None,
) -> Faces:
    """Several datasets, each read and split by itself, as one."""
    dataset = AND.join(names)
    roots, common = for_each(dataset, root, "--root")
    if common is not None:
        raise ConfigError(
            f"--root {common} does not say which of {' and '.join(names)} lies there",
            f"give {' '.join(f'--root {name}=DIR' for name in names)}",
        )
    readers = {name: open_dataset(name) for name in names}
    rules, told = _protocols(readers, *for_each(dataset, protocol, "--protocol"))
    named = {name for name, r in readers.items() if type(r).read_named is not Dataset.read_named}
    if columns and not named:
        raise ConfigError(
            f"neither of {' and '.join(names)} has columns to name",
            "--columns is for csv, folder and parquet",
        )
    places = {n: place_of(r, roots.get(n), f"--root {n}=DIR") for n, r in readers.items()}
    tell = tell or notes.tell
    parts = []
    for name, reader in readers.items():
        own = columns if name in named else None
        try:
            part = _read(name, reader, rules[name], places[name], own, _of(name, tell))
        except DataError as error:
            raise DataError(f"{name}: {error.message}", error.hint, error.where) from error
        parts.append(part)
    faces = _join(parts, told)
    for note in faces.table.notes[sum(len(part.table.notes) for part in parts) :]:
        tell(note)
    return faces


def _of(dataset: str, tell: Callable[[str], None]) -> Callable[[str], None]:
    """The words that tell the notes of one of several datasets."""
    return lambda note: tell(f"{dataset}: {note}")


def _join(parts: Sequence[Faces], told: Sequence[str]) -> Faces:
    """Faces of several datasets as one; no picture is learnt from that another one tests on."""
    table = join_tables({part.dataset: part.table for part in parts})
    codes = np.concatenate([part.codes for part in parts])
    lines, left = list(told), codes.copy()
    for split, later in ((0, (1, 2)), (1, (2,))):
        twice = (codes == split) & identical_elsewhere(table, codes, later)
        if twice.any():
            are = counted(int(twice.sum()), "face is", "faces are")
            first = table.images.name(int(np.flatnonzero(twice)[0]))
            others = " or ".join(SPLITS[code] for code in later)
            lines.append(
                f"{are} in the {SPLITS[split]} split of one dataset and in the {others} split of "
                f"another, byte for byte: left out of {SPLITS[split]}, such as {first}"
            )
            left[twice] = -1
    return Faces(
        replace(table, notes=(*table.notes, *lines)),
        left,
        AND.join(part.dataset for part in parts),
        AND.join(part.protocol for part in parts),
        tuple(m for m in parts[0].metrics if all(m in part.metrics for part in parts)) or ("mae",),
        all(part.subject_exclusive for part in parts),
        parts=tuple(parts),
    )


def _protocols(
    readers: Mapping[str, Dataset], own: Mapping[str, str], every: str | None
) -> tuple[dict[str, Protocol], list[str]]:
    """The protocol of each of several datasets: its own, else that for all, else its default.

    Returns:
        Them, and a line for each dataset that lacks the one for all.
    """
    names = list(readers)
    whole = [] if every is None else every.split(AND)
    if len(whole) == len(names):  # as `Faces.protocol` has it
        pairs = {n: part for n, part in zip(names, whole, strict=True) if part.partition(":")[2]}
        if len(pairs) == len(names):
            own, every = {**pairs, **own}, None
    if every is not None and every.endswith(SPLIT_FILE):
        raise ConfigError(
            f"--protocol {every} does not say which of {' and '.join(names)} it splits",
            f"give --protocol {names[0]}={every}",
        )
    holders = {
        n for n, r in readers.items() if (every or "").removeprefix(f"{r.name}:") in r.protocols
    }
    if every is not None and not holders:
        known = sorted({protocol for r in readers.values() for protocol in r.protocols})
        raise ConfigError(
            f"none of {' and '.join(names)} has a protocol {every!r}{nearest(every, known)}",
            "give one for each: " + " ".join(f"--protocol {name}=NAME" for name in names),
        )
    wanted = {name: own.get(name, every if name in holders else None) for name in names}
    told = [
        f"{name} has no protocol {every!r}: it is split by its default, "
        f"{readers[name].default_protocol}"
        for name, protocol in wanted.items()
        if every is not None and protocol is None
    ]
    return {name: _protocol(readers[name], wanted[name]) for name in names}, told


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
