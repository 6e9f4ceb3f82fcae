"""The specification that the process of one cell is given."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from agekit._mistakes import summary
from agekit.atomic import write_text
from agekit.data.alignment import Alignment
from agekit.errors import ConfigError, ModelError
from agekit.faces.align import standard
from agekit_bench.cells import Cell
from agekit_bench.result import CellId
from agekit_bench.suite import Cross

__all__ = [
    "SPEC",
    "CellSpec",
    "CrossSpec",
    "hash_initial",
    "is_same_initial",
    "read_spec",
    "save_initial",
    "threads_for",
    "write_spec",
]


SPEC = "cell.json"


class CrossSpec(Cross):
    """Another dataset that a finished model is scored on, and where it lies."""

    root: Path | None = None
    columns: dict[str, str] = Field(default_factory=dict)


class CellSpec(CellId):
    """One cell on this machine.

    Attributes:
        recipe: what `agekit.recipe.resolve` takes: ``cen-resnet18``, or a file.
        settings: overrides of the recipe, as ``key=value``.
        dataset: what it is trained on.
        result: where its result goes.
        root: where its dataset lies.
        columns: field → column of that, where it is a table of the user's own.
        weights: the model or file whose weights it starts from.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: of torch; a cell that goes on keeps the number it began with, as sums depend on it.
        cross: what is scored besides.
        judges: of an ager.
        alignment: where its faces are to lie, see `Suite`.
    """

    recipe: str
    settings: tuple[str, ...]
    dataset: str
    result: Path
    root: Path | None
    columns: dict[str, str] = Field(default_factory=dict)
    weights: str | None
    device: str
    threads: int
    cross: list[CrossSpec]
    judges: list[str]
    alignment: Alignment | None = None

    @property
    def as_chips(self) -> bool:
        """True if the middle squares of photos are taken as they are."""
        return self.alignment is not None and self.alignment.align == "whole"

    @property
    def frame(self) -> Alignment | None:
        """The places of its faces' points; None where that is left to the data."""
        if self.alignment is None or self.as_chips:
            return None
        return standard(self.alignment.margin, self.alignment.detector)

    @classmethod
    def of(cls, cell: Cell, out: Path, **here: Any) -> CellSpec:
        """The specification of a cell.

        Args:
            cell: the cell.
            out: the folder of its suite's results.
            here: the attributes above that a `Cell` does not have, but for ``result``.
        """
        shared = cell.model_dump(include=cls.model_fields.keys() & Cell.model_fields.keys())
        return cls(**shared, result=cell.path(out).absolute(), **here)


def read_spec(folder: Path) -> CellSpec:
    """Reads the specification in a cell's folder.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    path = folder / SPEC
    try:
        return CellSpec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error if isinstance(error, OSError) else summary(error, CellSpec)
        raise ModelError(f"{path} is no specification of a cell: {reason}") from error


def write_spec(folder: Path, spec: CellSpec) -> CellSpec:
    """Writes a specification; the number of threads stays that of the first one there."""
    path = folder / SPEC
    try:
        threads = int(json.loads(path.read_bytes())["threads"])
    except (OSError, ValueError, KeyError, TypeError):
        threads = spec.threads
    spec = spec.model_copy(update={"threads": threads})
    write_text(path, spec.model_dump_json(indent=1) + "\n")
    return spec


def threads_for(jobs: int) -> int:
    """The threads of each of `jobs` cells at a time: ``$OMP_NUM_THREADS``, or an even share."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable is not None else os.cpu_count() or 1
    return max(1, cores // jobs)


START = "start.sha256"


def hash_initial(weights: str | None, alignment: Alignment | None = None) -> str:
    """The SHA-256 of the weights that a cell starts from; ``scratch`` without any.

    Args:
        weights: a model or a file.
        alignment: where its faces are to lie; named behind the hash if it is said.

    Raises:
        AgekitError: they are not there.
    """
    from agekit.data.digests import hash_file
    from agekit.zoo.files import WEIGHTS
    from agekit.zoo.locate import is_model, locate

    if alignment is not None:
        initial = hash_initial(weights)
        return f"{initial} {alignment.align} {alignment.detector} {alignment.margin:g}"
    if weights is None:
        return "scratch"
    path = locate(weights) / WEIGHTS if is_model(weights) else Path(weights)
    if not path.is_file():
        raise ConfigError(f"there is no model or file {weights}", "name another with --init")
    return hash_file(path)


def is_same_initial(folder: Path, start: str) -> bool:
    """True if the run in a cell's folder started from these weights, as far as that was kept."""
    with suppress(OSError, ValueError):
        return (folder / START).read_text(encoding="ascii").strip() == start
    return True


def save_initial(folder: Path, start: str) -> None:
    """Keeps what the run in a cell's folder starts from."""
    write_text(folder / START, start + "\n")
