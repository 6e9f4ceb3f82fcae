from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from agekit_bench.predictions import SCHEMA, Estimates, write_predictions
from agekit_bench.scoring import parts_of

from agekit.data.digests import hash_file
from agekit.data.table import FaceTable


class Pictures:
    """Five pictures known by their numbers."""

    def __init__(self, index: np.ndarray) -> None:
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def name(self, i: int) -> str:
        return f"/home/somebody/{self.index[i]}.jpg"

    def digests(self) -> np.ndarray:
        keys = np.zeros((len(self.index), 16), np.uint8)
        keys[:, 0] = 90 - self.index
        return keys

    def decode(self, i: int, size: int) -> np.ndarray:
        raise NotImplementedError

    def take(self, index: np.ndarray) -> Pictures:
        return Pictures(self.index[index])


def table() -> FaceTable:
    return FaceTable.build(
        Pictures(np.arange(5)),
        [5, 15, 25, 15, 95],
        sigma=[1.5, np.nan, 2, np.nan, np.nan],
        identity=[7, 7, -1, 8, 9],
        gender=[0, 1, -1, 1, 0],
        group=[0, 1, 0, -1, 1],
        group_names=("Blue", "Green"),
    )


ROWS = np.array([0, 1, 2, 4])
ESTIMATE = np.array([6, 12, 25, 85], np.float32)
LOW, HIGH = ESTIMATE - 2, ESTIMATE + 2


def estimates(protocol: str, generation: int) -> Estimates:
    return Estimates(protocol, generation, table(), ROWS, ESTIMATE + generation, LOW, HIGH)


def test_estimates_are_kept_by_content_key_alone(tmp_path: Path) -> None:
    parts = [estimates("a:b", 1), estimates("a:b", 2), estimates("c:d", 2)]
    told = write_predictions(tmp_path / "seed-0.parquet", parts)
    assert (told.file, told.rows) == ("seed-0.parquet", 12)
    assert told.sha256 == hash_file(tmp_path / "seed-0.parquet")

    found = pq.read_table(tmp_path / "seed-0.parquet")
    assert found.schema.equals(SCHEMA)
    assert found["protocol"].to_pylist() == ["a:b"] * 8 + ["c:d"] * 4
    assert found["generation"].to_pylist() == [1] * 4 + [2] * 8
    first = found.slice(0, 4).to_pydict()
    assert first["key"] == [f"{90 - row:02x}" + "00" * 15 for row in (4, 2, 1, 0)]
    assert first["age"] == [95, 25, 15, 5]
    assert first["sigma"] == [None, 2, None, 1.5]
    assert first["identity"] == ["9", None, "7", "7"]
    assert first["gender"] == ["male", None, "female", "male"]
    assert first["group"] == ["Green", "Blue", "Green", "Blue"]
    assert first["estimate"] == [86, 26, 13, 7]
    assert first["low"] == [83, 23, 10, 4] and first["high"] == [87, 27, 14, 8]
    assert b"somebody" not in (tmp_path / "seed-0.parquet").read_bytes()

    again = write_predictions(tmp_path / "seed-1.parquet", parts)
    assert again.sha256 == told.sha256


def test_parts_are_counted_by_age_gender_and_group() -> None:
    parts = parts_of(ESTIMATE, LOW, HIGH, table(), ROWS)
    assert {key: list(value) for key, value in parts.items()} == {
        "age": ["0-9", "10-19", "20-29", "90-99"],
        "gender": ["male", "female"],
        "group": ["Blue", "Green"],
    }
    assert parts["gender"]["male"] == {
        "n": 2,
        "mae": (1 + 10) / 2,
        "bias": (1 - 10) / 2,
        "cs5": 0.5,
        "coverage": 0.5,
    }
    assert parts["group"]["Green"]["mae"] == (3 + 10) / 2
