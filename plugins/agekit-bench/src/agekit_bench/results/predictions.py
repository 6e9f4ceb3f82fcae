"""The per-face estimates of a cell: what the columns are, and the parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from agekit.atomic import written
from agekit.data.digests import hash_file
from agekit.data.table import FaceTable
from agekit_bench.results.result import Predictions

__all__ = ["SCHEMA", "Estimates", "write_predictions"]

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
_GENDERS = ("male", "female")


@dataclass(frozen=True)
class Estimates:
    """What one generation made of N faces.

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
                pa.array(_named(table.gender[rows][order], _GENDERS), _TEXT),
                pa.array(_named(table.group[rows][order], names), _TEXT),
                pa.array(self.estimate[order].astype(np.float32)),
                pa.array(self.low[order].astype(np.float32)),
                pa.array(self.high[order].astype(np.float32)),
            ],
            schema=SCHEMA,
        )


def _named(codes: NDArray[np.integer], names: Sequence[str]) -> list[str | None]:
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
