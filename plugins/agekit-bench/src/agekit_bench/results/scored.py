"""The per-face estimates of a result, as columns."""

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

from agekit.data.digests import hash_file
from agekit.errors import DataError
from agekit_bench.results.predictions import SCHEMA
from agekit_bench.results.result import Result

__all__ = ["COLUMNS", "Scored", "common_faces", "read_predictions", "read_scored"]

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
        """Whether `other` has the same faces with the same ages."""
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


def common_faces(scored: Sequence[Scored]) -> list[Scored]:
    """Each restricted to the faces that all of them have, in one order.

    A picture that is there several times with one age is paired in turn.
    """
    if all(one.same_faces(scored[0]) for one in scored[1:]):
        return list(scored)
    places = [_places(one) for one in scored]
    shared = sorted(set(places[0]).intersection(*places[1:]))
    return [
        one.take(np.fromiter((place[face] for face in shared), np.int64, len(shared)))
        for one, place in zip(scored, places, strict=True)
    ]


def _places(one: Scored) -> dict[tuple[str, float, int], int]:
    out: dict[tuple[str, float, int], int] = {}
    pairs = list(zip(one.key.tolist(), one.age.tolist(), strict=True))
    turn = 0
    for place, pair in enumerate(pairs):
        turn = turn + 1 if place and pairs[place - 1] == pair else 0
        out[*pair, turn] = place
    return out


def _column(column: pa.ChunkedArray, is_text: bool) -> Any:
    if is_text:
        filled = pc.fill_null(column.cast(pa.string()), "")
        return np.asarray(filled.to_pylist(), dtype=np.str_)
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy(), np.float64)
