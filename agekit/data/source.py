"""The rows of a dataset, as it lies or as chips and shards that were made from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

from agekit.culprit import Culprit
from agekit.data import notes
from agekit.data.alignment import Alignment
from agekit.data.columns import Columns, check_columns
from agekit.data.dataset import Dataset
from agekit.data.home import SHARD, data_root, shard_files
from agekit.data.prepared import is_prepared, read_prepared
from agekit.data.several import must_be_one
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, DataError, UnknownNameError, counted
from agekit.registry import DATASETS

__all__ = ["culprit_of", "open_dataset", "place_of", "read_source"]

_ANY_SHARDS = SHARD.removeprefix(".")
"""The dataset that reads shards, and takes them as they are, whatever they were made from."""


def open_dataset(dataset: str | Dataset) -> Dataset:
    """The reader of a dataset.

    Args:
        dataset: its registry name, or the reader itself.

    Raises:
        AgekitError: there is none, or it does not say what every dataset says.
    """
    if isinstance(dataset, Dataset):
        return dataset
    must_be_one(dataset, "this")
    culprit = Culprit("dataset", dataset)
    factory = DATASETS.get(dataset)
    with culprit.doing("cannot be made"):
        reader: Dataset = factory()
    for name in ("name", "protocols", "default_protocol"):
        if not hasattr(reader, name):
            raise culprit.error(f"does not say its {name}")
    return reader


def place_of(
    reader: Dataset, root: str | PathLike[str] | None, option: str = "--root DIR"
) -> Path | None:
    """The place of a dataset, see `data_root`; None of one that needs no root and was given none.

    Raises:
        DataError: it is not known, or nothing is there.
    """
    if root is None and not reader.needs_root:
        return None
    place = None if root is None else Path(root)
    return data_root(reader.name, place, file_allowed=reader.file_allowed, option=option)


def culprit_of(reader: Dataset) -> Culprit:
    """Names a reader that does wrong: by its entry, or as it calls itself."""
    made = type(reader)
    here = (made.__module__, made.__qualname__)
    names = [e.name for e in DATASETS.entries() if (e.module, e.attribute) == here]
    return Culprit("dataset", names[0] if names else reader.name, reader, "read")


def read_source(
    reader: Dataset,
    place: Path | None,
    columns: Columns | None = None,
    *,
    tell: Callable[[str], None] | None = None,
) -> tuple[FaceTable, Alignment]:
    """The rows, and how their faces were cut as far as the data says.

    Args:
        reader: of the dataset.
        place: the dataset, or chips or shards made from it; None where it needs none.
        columns: field → column of a table of the user's own; see `Dataset.read_named`.
        tell: gets each of the table's notes; else they are logged as warnings.

    Raises:
        ConfigError: columns are named of what is no such table.
        DataError: they cannot be read, or were made from another dataset.
    """
    check_columns(columns or {})
    table, face = _read(reader, place, columns or {})
    for note in (*table.notes, *_read_in_part(table)):
        (tell or notes.tell)(note)
    return table, face


def _read_in_part(table: FaceTable) -> Iterator[str]:
    """Notes on rows that are there, but not with all they say: a line for each kind."""
    kept = [problem for problem in table.problems if problem.kept]
    for kind, count in Counter(problem.kind for problem in kept).items():
        first = next(problem for problem in kept if problem.kind == kind)
        are = counted(count, "row is", "rows are")
        yield f"{are} read in part ({kind}), such as {first.name}: {first.detail}"


def _read(reader: Dataset, place: Path | None, columns: Columns) -> tuple[FaceTable, Alignment]:
    packed = place is not None and bool(shard_files(place))
    if place is None or not (packed or is_prepared(place)):
        return _table(reader, place, columns), reader.alignment
    if packed and reader.name == _ANY_SHARDS:
        table = _table(reader, place, columns)
        return table, Alignment() if table.manifest is None else table.manifest.face
    if columns:
        raise ConfigError(
            f"{place} was made by agekit: its columns need no names", "leave --columns out"
        )
    table = _table(_shard_reader(place), place, {}) if packed else read_prepared(place)
    manifest = table.manifest
    if manifest is None:
        raise DataError(
            f"{place} does not say which dataset it was made from",
            f"read it by the dataset {_ANY_SHARDS!r}",
        )
    if manifest.dataset != reader.name:
        raise DataError(
            f"{place} was made from {manifest.dataset}, not from {reader.name}",
            f"name the dataset {manifest.dataset}",
        )
    return table, manifest.face


def _shard_reader(place: Path) -> Dataset:
    """The reader of shards.

    Raises:
        UnknownNameError: no distribution gives it.
    """
    try:
        return open_dataset(_ANY_SHARDS)
    except UnknownNameError as error:
        raise UnknownNameError(f"nothing here reads {place}: {error.message}", error.hint) from None


def _table(reader: Dataset, place: Path | None, columns: Columns) -> FaceTable:
    """The table that a reader reads, checked to be a face table."""
    culprit = culprit_of(reader)
    with culprit.doing("cannot be read", but=OSError):
        table: object = reader.read_named(place, columns) if columns else reader.read(place)
    if not isinstance(table, FaceTable):
        given = "nothing" if table is None else f"a {type(table).__name__}"
        raise culprit.error(f"gives {given} from its read, not a FaceTable")
    if wrong := table.misfit():
        raise culprit.error(f"reads a table that cannot be: {wrong}", "use FaceTable.build")
    return table
