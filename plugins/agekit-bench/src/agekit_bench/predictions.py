"""The per-face estimates of a cell: the Parquet file, written and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from agekit.atomic import written
from agekit.data.digests import hash_file
from agekit.data.table import FaceTable, age_bins
from agekit.errors import DataError
from agekit_bench.result import Predictions, Result

__all__ = [
    "COLUMNS",
    "GENDERS",
    "SCHEMA",
    "Estimates",
    "Numbers",
    "Scored",
    "Words",
    "named",
    "parts_by",
    "read_predictions",
    "read_scored",
    "write_predictions",
]


SCHEMA = pa.schema(
    [
        pa.field("protocol", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("generation", pa.int16(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("age", pa.float32(), nullable=False),
        pa.field("sigma", pa.float32()),
        pa.field("identity", pa.string()),
        pa.field("gender", pa.string()),
        pa.field("group", pa.string()),
        pa.field("estimate", pa.float32(), nullable=False),
        pa.field("low", pa.float32(), nullable=False),
        pa.field("high", pa.float32(), nullable=False),
    ]
)
_TEXT = pa.string()
GENDERS = ("male", "female")


@dataclass(frozen=True)
class Estimates:
    """One generation's estimates of N faces.

    Attributes:
        protocol: what they are of.
        generation: counted from 1.
        table: the dataset.
        rows: (N,) which faces, as indices into `table`.
        estimate: (N,) years.
        low: (N,) the lower ends of the intervals, years.
        high: (N,) the upper ends.
    """

    protocol: str
    generation: int
    table: FaceTable
    rows: NDArray[np.int64]
    estimate: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def to_arrow(self) -> pa.Table:
        """The faces in the order of their content keys, so that no file name plays a part."""
        table, rows = self.table, self.rows
        keys = [key.tobytes().hex() for key in table.content_keys()[rows]]
        order = np.argsort(np.array(keys), kind="stable")
        names: Sequence[str] = table.group_names
        sigma = table.sigma[rows][order].astype(np.float32)
        protocol = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(rows), np.int32)), pa.array([self.protocol])
        )
        return pa.Table.from_arrays(
            [
                protocol,
                pa.array(np.full(len(rows), self.generation, np.int16)),
                pa.array([keys[i] for i in order]),
                pa.array(table.age[rows][order].astype(np.float32)),
                pa.array(sigma, mask=np.isnan(sigma)),
                pa.array([str(i) if i >= 0 else None for i in table.identity[rows][order]], _TEXT),
                pa.array(named(table.gender[rows][order], GENDERS), _TEXT),
                pa.array(named(table.group[rows][order], names), _TEXT),
                pa.array(self.estimate[order].astype(np.float32)),
                pa.array(self.low[order].astype(np.float32)),
                pa.array(self.high[order].astype(np.float32)),
            ],
            schema=SCHEMA,
        )


def named(codes: NDArray[np.integer], names: Sequence[str]) -> list[str | None]:
    """The names that codes stand for; None for a code of none."""
    return [names[code] if 0 <= code < len(names) else None for code in codes.tolist()]


def write_predictions(path: Path, parts: Sequence[Estimates]) -> Predictions:
    """Writes the estimates of several generations and protocols, one after another.

    Args:
        path: the parquet file; the same estimates give the same bytes.
        parts: at least one.
    """
    whole = pa.concat_tables([part.to_arrow() for part in parts]).unify_dictionaries()
    with written(path) as aside:
        pq.write_table(whole.combine_chunks(), aside, compression="zstd", compression_level=9)
    return Predictions(file=path.name, sha256=hash_file(path), rows=whole.num_rows)


COLUMNS = tuple(SCHEMA.names)
_TEXTS = ("protocol", "key", "identity", "gender", "group")
_MOST_BYTES = 256_000_000
_MOST_ROWS = 20_000_000
_LONGEST = 200
"""Bytes of a text: a few bytes of a file may stand for gigabytes of them."""

Words = NDArray[np.str_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """N faces as one generation of a cell estimated them, sorted by key, then by true age.

    Attributes:
        key: (N,) the faces' content keys; not unique where a picture is there twice.
        age: (N,) true ages in years.
        sigma: (N,) their standard deviations, NaN where unknown.
        identity: (N,) names of people, empty where unknown.
        gender: (N,) likewise.
        group: (N,) likewise.
        estimate: (N,) years.
        low: (N,) the lower ends of the intervals.
        high: (N,) their upper ends.
    """

    key: Words
    age: Numbers
    sigma: Numbers
    identity: Words
    gender: Words
    group: Words
    estimate: Numbers
    low: Numbers
    high: Numbers

    def __len__(self) -> int:
        return len(self.key)

    def same_faces(self, other: Scored) -> bool:
        """True if `other` has the same faces with the same ages."""
        return np.array_equal(self.key, other.key) and np.array_equal(self.age, other.age)

    def take(self, index: NDArray[np.int64]) -> Scored:
        """The faces of `index`, in that order."""
        return Scored(**{name: column[index] for name, column in vars(self).items()})


def read_predictions(path: Path, result: Result) -> pa.Table:
    """Reads the file of predictions beside a result, and checks that it is the one meant.

    What it holds is looked at before it is unfolded: a small file may claim to be a huge one.

    Args:
        path: of the result.
        result: what it holds.

    Raises:
        DataError: the result has none; or the file is not there, is another, cannot be read, or
            has other columns.
    """
    if result.predictions is None:
        raise DataError(f"{path} has no predictions")
    file = path.parent / result.predictions.file
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(f"{file} is too large to be a file of predictions")
        if hash_file(file) != result.predictions.sha256:
            raise DataError(
                f"{file} is not the file that {path.name} was written with: its hash differs"
            )
        with pq.ParquetFile(file, read_dictionary=_TEXTS) as opened:
            rows = opened.metadata.num_rows
            if rows != result.predictions.rows:
                raise DataError(f"{file} has {rows} rows, not {result.predictions.rows}")
            if rows > _MOST_ROWS:
                raise DataError(f"{file} has {rows} rows: too many")
            _require_columns(file, opened.schema_arrow)
            table = opened.read()
        for name in _TEXTS:
            if _longest(table[name]) > _LONGEST:
                raise DataError(f"{file} has texts of more than {_LONGEST} bytes in {name}")
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise DataError(f"{file} is no parquet file: {error}") from error
    return table


def _require_columns(file: Path, schema: pa.Schema) -> None:
    if missing := [name for name in COLUMNS if name not in schema.names]:
        raise DataError(f"{file} has no column {', '.join(missing)}")
    if len(schema.names) > len(COLUMNS):
        extra = [*schema.names]
        for name in COLUMNS:
            extra.remove(name)
        raise DataError(f"{file} has the column {', '.join(map(repr, extra[:3]))} too")
    for name in COLUMNS:
        found, wanted = (_plain(s.field(name).type) for s in (schema, SCHEMA))
        if found != wanted:
            raise DataError(f"the column {name} of {file} is {found}, not {wanted}")


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _longest(column: pa.ChunkedArray) -> int:
    """The bytes of its longest text."""
    lengths = [pc.max(pc.binary_length(chunk.dictionary)).as_py() for chunk in column.chunks]
    return max((length for length in lengths if length is not None), default=0)


def read_scored(table: pa.Table, protocol: str, generation: int) -> Scored | None:
    """The faces of one protocol and generation; None where the file has none.

    Args:
        table: of predictions.
        protocol: such as ``utkface:hash-80-10-10``.
        generation: counted from 1.

    Raises:
        DataError: a column is not of its type, or has something that is no number.
    """
    try:
        here = pc.and_(
            pc.equal(table["protocol"].cast(pa.string()), protocol),
            pc.equal(table["generation"], generation),
        )
        part = table.select(COLUMNS[2:]).filter(here)
        columns = {name: _column(part[name], name in _TEXTS) for name in COLUMNS[2:]}
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"the predictions have a column of another type: {error}") from error
    if not part.num_rows:
        return None
    for name in ("age", "estimate", "low", "high"):
        if not np.isfinite(columns[name]).all():
            raise DataError(f"the predictions have an {name!r} that is no number")
    return Scored(**columns).take(np.lexsort((columns["age"], columns["key"])))


def parts_by(
    age: NDArray[Any], gender: NDArray[Any], group: NDArray[Any]
) -> dict[str, dict[str, NDArray[np.int64]]]:
    """The faces of every ten years of age, gender and group, as far as these are known.

    Args:
        age: (N,) years.
        gender: (N,) names, empty where unknown.
        group: (N,) likewise.

    Returns:
        ``age``, ``gender`` and ``group``, each from a part's name to its faces' indices.
    """
    parts = {"age": age_bins(age)}
    for kind, column in (("gender", gender), ("group", group)):
        names = np.unique(column).tolist()
        parts[kind] = {name: np.flatnonzero(column == name) for name in names if name}
    return parts


def _column(column: pa.ChunkedArray, is_text: bool) -> Any:
    if is_text:
        filled = pc.fill_null(column.cast(pa.string()), "")
        return np.asarray(filled.to_pylist(), dtype=np.str_)
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy(), np.float64)
