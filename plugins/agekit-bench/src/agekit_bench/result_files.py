"""Result files: where they lie, and how they are written and read."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agekit._mistakes import summary
from agekit.atomic import write_text
from agekit.errors import DataError
from agekit_bench.result import CellId, Result

__all__ = [
    "RUNS",
    "Speeds",
    "canonical_hash",
    "is_kept",
    "predictions_path",
    "read_files",
    "read_result",
    "read_results",
    "read_speeds",
    "schema",
    "write_result",
]


RUNS = "runs"
"""The folder beside the results that holds what the cells trained."""
_MOST_BYTES = 4_000_000
_log = logging.getLogger(__name__)


def predictions_path(path: Path) -> Path:
    """The path of the per-face estimates of the result at `path`: beside it."""
    return path.with_suffix(".parquet")


def canonical_hash(value: Any) -> str:
    """SHA-256 of plain data as JSON with sorted keys and no spaces, 64 hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_result(path: Path, result: Result) -> None:
    """Writes a result, whole; one that failed may be replaced, one that is done may not.

    Raises:
        DataError: there is a result of a finished cell at `path`.
    """
    if is_kept(path):
        raise DataError(
            f"{path} holds the result of a finished cell, and results are never replaced",
            "write to another folder with --out",
        )
    write_text(path, result.model_dump_json(indent=1) + "\n")


def is_kept(path: Path) -> bool:
    """True if the result of a finished cell is at `path`, if of another version, which stays.

    What is there and cannot be opened may be one; what is damaged is none.
    """
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, RecursionError, ValueError):
        return False
    except OSError:
        return True
    return isinstance(data, Mapping) and data.get("status", "failed") != "failed"


def read_result(path: Path) -> Result:
    """Reads and checks one result.

    Raises:
        DataError: it cannot be read or is not valid; says where.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} is too large to be a result")
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise DataError(f"{path} is not a valid result: {summary(error, Result, 3)}") from error


def read_files(folder: Path, remarks: list[str] | None = None) -> dict[Path, Result]:
    """Reads every result below a folder, by its path, sorted; links to folders are followed.

    Args:
        folder: of one suite or of several; or one result file.
        remarks: gets a line for each file and folder that cannot be used; None logs them as
            warnings.
    """
    found: dict[Path, Result] = {}
    left_out: list[str] = []
    for path in [folder] if folder.is_file() else sorted(_files(folder, left_out)):
        try:
            found[path] = read_result(path)
        except DataError as error:
            left_out.append(error.message)
    if remarks is not None:
        remarks += left_out
    else:
        for line in left_out:
            _log.warning("left out: %s", line)
    return found


def read_results(folder: Path, remarks: list[str] | None = None) -> list[Result]:
    """Reads every result below a folder; the arguments are those of `read_files`."""
    return list(read_files(folder, remarks).values())


_SPEEDS = "speed*.json"


@dataclass(frozen=True)
class Speeds:
    """Inference of models and recipes.

    Attributes:
        machine: what was measured on, one line; empty without a file.
        path: of the file; None without one.
        rates: images a second of the best batch, by name and by side of the images in pixels.
    """

    machine: str = ""
    path: Path | None = None
    rates: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def of(self, result: Result) -> float | None:
        """The speed of a result's recipe at the size of its images; None where it is not known."""
        size = result.facts.get("size")
        return self.rates.get((result.recipe_name, size)) if isinstance(size, int) else None


def read_speeds(folders: Iterable[Path], remarks: list[str]) -> Speeds:
    """Reads the first file called ``speed*.json`` in the folders, or in one of a suite below them.

    Args:
        folders: of results.
        remarks: gets a line for a file that cannot be used, and for each one that is passed over.
    """
    paths = [path for f in folders for path in sorted([*f.glob(_SPEEDS), *f.glob(f"*/{_SPEEDS}")])]
    for path in paths[1:]:
        remarks.append(f"{path} is passed over: speeds compare on one machine only")
    if not paths:
        return Speeds()
    rates: dict[tuple[str, int], float] = {}
    try:
        document = json.loads(paths[0].read_bytes())
        told = document["machine"]
        machine = f"{told['name']} ({told['device']})"
        for one in document["measurements"]:
            if one["phase"] == "infer" and one["images_per_second"] is not None:
                key = (str(one["name"]), int(one["size"]))
                rate = float(one["images_per_second"]["median"])
                if not 0 < rate < math.inf:
                    raise ValueError("no speed")
                rates[key] = max(rates.get(key, 0.0), rate)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        remarks.append(f"{paths[0]} holds no speeds: {type(error).__name__}")
        return Speeds()
    return Speeds(machine, paths[0], rates)


def schema() -> dict[str, Any]:
    """The JSON schema of a result file, as ``benchmarks/results/schema.json`` holds it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Result.model_json_schema(mode="serialization"),
        "description": f"{getdoc(Result)}\n\n{getdoc(CellId)}",
    }


def _files(folder: Path, remarks: list[str]) -> Iterator[Path]:
    """The files that are named as results are; what the cells trained is passed over.

    Links to folders come after everything else, and no folder is looked into twice.
    """

    def tell(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            remarks.append(f"{error.filename} cannot be read: {error.strerror}")

    seen: set[str] = set()
    starts = [str(folder)]
    for start in starts:
        for place, folders, names in os.walk(start, onerror=tell):
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(n for n in folders if n != RUNS and not n.startswith("."))
            starts += filter(os.path.islink, (os.path.join(place, name) for name in folders))
            for name in names:
                if name.startswith("seed-") and name.endswith(".json"):
                    yield Path(place, name)
