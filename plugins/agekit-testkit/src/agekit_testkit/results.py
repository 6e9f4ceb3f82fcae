"""Result files of cells that were never run, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from agekit_bench.predictions import SCHEMA
from agekit_bench.result import (
    CellError,
    CodeState,
    Evaluation,
    Machine,
    Predictions,
    Result,
    result_path,
    row_slug,
)
from agekit_bench.result_files import (
    canonical_hash,
    predictions_path,
    write_result,
)
from numpy.typing import ArrayLike, NDArray

from agekit.data.digests import hash_file
from agekit.tasks.estimator.metrics import summary

__all__ = ["DrawnFaces", "draw_faces", "write_failure", "write_made_result"]

PROTOCOL = "synthfaces:default"
SPLIT_HASH = "0123456789abcdef"
VERSIONS = {"agekit": "0.1.0", "python": "3.11.7", "torch": "2.6.0"}


@dataclass(frozen=True)
class DrawnFaces:
    """N faces that exist by their labels alone.

    Attributes:
        key: (N,) content keys.
        age: (N,) years.
        identity: (N,) names of people, or None.
        gender: (N,) ``male``, ``female`` or None.
        group: (N,) likewise.
    """

    key: list[str]
    age: NDArray[np.float32]
    identity: list[str | None]
    gender: list[str | None]
    group: list[str | None]


def draw_faces(n: int, seed: int = 0, people: int | None = None) -> DrawnFaces:
    """Draws labels.

    Args:
        n: how many.
        seed: of the draw.
        people: how many they are pictures of; None names nobody.
    """
    random = np.random.default_rng(seed)
    names: list[str | None] = [None] * n
    if people is not None:
        names = [str(i) for i in random.integers(0, people, n)]
    return DrawnFaces(
        key=sorted(random.bytes(16).hex() for _ in range(n)),
        age=random.integers(1, 90, n).astype(np.float32),
        identity=names,
        gender=[("male", "female")[i] for i in random.integers(0, 2, n)],
        group=[("A", "B", "C")[i] for i in random.integers(0, 3, n)],
    )


def write_made_result(
    folder: Path,
    row: str,
    recipe_name: str,
    faces: DrawnFaces,
    estimates: Sequence[ArrayLike],
    **changes: Any,
) -> Path:
    """Writes a result and its predictions, whose metrics are those of the estimates.

    Args:
        folder: of the suite's results.
        row: its label.
        recipe_name: such as ``cen-resnet10-tiny``.
        faces: what was scored.
        estimates: (N,) years, of each generation; intervals reach 10 years either way.
        **changes: other fields of `Result`; ``split_hash``, ``subject_exclusive`` and ``split``
            are those of the evaluations too.

    Returns:
        The path of the result.
    """
    protocol = changes.pop("protocol", PROTOCOL)
    split_hash = changes.pop("split_hash", SPLIT_HASH)
    exclusive, split = changes.pop("subject_exclusive", None), changes.pop("split", "test")
    seed, overrides = changes.pop("seed", 0), changes.pop("overrides", [])
    path = result_path(folder, protocol, row_slug(recipe_name, overrides), seed)
    evaluations, parts = [], []
    for generation, values in enumerate(estimates, 1):
        estimate = np.asarray(values, np.float32)
        low, high = estimate - 10, estimate + 10
        evaluations.append(
            Evaluation(
                protocol=protocol,
                split_hash=split_hash,
                subject_exclusive=exclusive,
                split=split,
                generation=generation,
                n=len(faces.age),
                metrics=summary(estimate, faces.age, low=low, high=high),
            )
        )
        parts.append(_part(faces, protocol, generation, estimate, low, high))
    file = predictions_path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.concat_tables(parts)
    pq.write_table(table, file)
    recipe = changes.pop("recipe", {"name": recipe_name, "estimate": {"level": 0.9}})
    fields: dict[str, Any] = {
        "suite": "made",
        "row": row,
        "recipe_name": recipe_name,
        "method": recipe_name.partition("-")[0],
        "backbone": recipe_name.partition("-")[2] or "resnet10-tiny",
        "overrides": overrides,
        "protocol": protocol,
        "split_hash": split_hash,
        "seed": seed,
        "status": "done",
        "evaluations": evaluations,
        "predictions": Predictions(file=file.name, sha256=hash_file(file), rows=table.num_rows),
        "recipe": recipe,
        "recipe_hash": canonical_hash(recipe),
        "facts": {"initialisation": None, "size": 64, "rule": "median"},
        "parameters": 1_240_000,
        "wall_seconds": {"train": 612.0, "evaluate": 4.0},
        "peak_memory": {"rss": 900_000_000},
        "started": "2025-01-01T00:00:00Z",
        "machine": Machine(device="cpu", name="A processor", threads=1, versions=VERSIONS),
        "code": CodeState(commit="0" * 40, clean=True),
    }
    write_result(path, Result(**(fields | changes)))
    return path


def write_failure(
    folder: Path,
    row: str,
    recipe_name: str,
    seed: int,
    error: CellError,
    suite: str = "made",
    protocol: str = PROTOCOL,
) -> Path:
    """Writes the result of a cell that failed; gives its path."""
    path = result_path(folder, protocol, row_slug(recipe_name, []), seed)
    write_result(
        path,
        Result(
            suite=suite,
            row=row,
            recipe_name=recipe_name,
            method=recipe_name.partition("-")[0],
            backbone=recipe_name.partition("-")[2],
            protocol=protocol,
            seed=seed,
            status="failed",
            error=error,
            started="2025-01-01T00:00:00Z",
        ),
    )
    return path


def _part(
    faces: DrawnFaces,
    protocol: str,
    generation: int,
    estimate: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
) -> pa.Table:
    n = len(faces.age)
    columns = {
        "protocol": pa.array([protocol] * n).dictionary_encode(),
        "generation": pa.array(np.full(n, generation, np.int16)),
        "key": faces.key,
        "age": faces.age,
        "sigma": pa.nulls(n, pa.float32()),
        "identity": pa.array(faces.identity, pa.string()),
        "gender": pa.array(faces.gender, pa.string()),
        "group": pa.array(faces.group, pa.string()),
        "estimate": estimate,
        "low": low,
        "high": high,
    }
    return pa.table(columns, schema=SCHEMA)
