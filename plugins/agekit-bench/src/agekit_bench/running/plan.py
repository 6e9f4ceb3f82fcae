"""What is left to do of a suite: which cells are done, failed, begun, or lack something."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from agekit.data.dataset import Dataset
from agekit.data.home import data_root
from agekit.errors import ConfigError, DataError, nearest
from agekit.registry import DATASETS
from agekit_bench.results.files import is_kept, read_result
from agekit_bench.results.result import Result
from agekit_bench.running.spec import SPEC, CrossSpec
from agekit_bench.suites.cells import Cell
from agekit_bench.suites.listing import ENDINGS
from agekit_bench.suites.suite import Suite

__all__ = ["Place", "Planned", "State", "cross_specs", "find_places", "name_columns", "plan"]

State = Literal["done", "failed", "begun", "new", "waiting", "blocked"]


@dataclass(frozen=True)
class Place:
    """Where a dataset lies.

    Attributes:
        root: None where it needs none, or is not here.
        lacking: why it is not here; "" if it is.
        columns: field → column of a table of the user's own.
    """

    root: Path | None = None
    lacking: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A cell and where it stands.

    Attributes:
        cell: the cell.
        state: ``waiting`` lacks what `why` says; ``blocked`` starts from a cell that failed;
            ``begun`` was stopped on the way.
        why: for people; "" if there is nothing to say.
        result: of a cell that is done or failed.
    """

    cell: Cell
    state: State
    why: str = ""
    result: Result | None = None


def find_places(found: Iterable[Cell], suite: Suite, roots: Mapping[str, Path]) -> dict[str, Place]:
    """Where the datasets of cells, and those a suite scores besides, lie.

    Args:
        found: the cells.
        suite: theirs.
        roots: folders by dataset; else ``$AGEKIT_DATA/<dataset>`` is looked for.

    Raises:
        ConfigError: a root is given for a dataset that is not in the suite.
        DataError: a root that is given is not there.
    """
    names = sorted({cell.dataset for cell in found} | {cross.dataset for cross in suite.cross})
    if odd := sorted(set(roots) - set(names)):
        raise ConfigError(
            f"the suite has no dataset {odd[0]!r}{nearest(odd[0], names)}",
            f"it has {', '.join(names)}",
        )
    return {name: _place(name, roots.get(name)) for name in names}


def _place(name: str, root: Path | None) -> Place:
    reader = DATASETS.get(name)
    if root is None and not reader.needs_root:
        return Place()
    if root is None and not os.environ.get("AGEKIT_DATA"):
        return Place(lacking=f"{name} (--root {name}=DIR)")
    try:
        return Place(data_root(name, root, file_allowed=reader.file_allowed))
    except DataError:
        if root is not None:
            raise
        return Place(lacking=f"{name} (--root {name}=DIR)")


def name_columns(places: Mapping[str, Place], columns: Mapping[str, str]) -> dict[str, Place]:
    """The places, with what a user calls the columns of those that are tables of his own.

    Raises:
        ConfigError: none of them is.
    """
    tables = [name for name in places if DATASETS.get(name).read_named is not Dataset.read_named]
    if columns and not tables:
        raise ConfigError(
            f"no dataset of the suite has columns to name: {', '.join(places)}",
            "--columns is for csv, folder and parquet",
        )
    return {
        name: replace(place, columns=columns) if name in tables else place
        for name, place in places.items()
    }


def cross_specs(suite: Suite, places: Mapping[str, Place]) -> list[CrossSpec]:
    """What finished models are scored on besides, of the datasets that are here."""
    return [
        CrossSpec(
            **cross.model_dump(),
            root=places[cross.dataset].root,
            columns=dict(places[cross.dataset].columns),
        )
        for cross in suite.cross
        if not places[cross.dataset].lacking
    ]


def plan(
    found: Sequence[Cell], out: Path, places: Mapping[str, Place], weights: Mapping[str, str]
) -> list[Planned]:
    """Where every cell stands, in their order.

    Args:
        found: the cells.
        out: where their results go.
        places: see `find_places`.
        weights: models to start from, by the name that rows know them by.

    Raises:
        ConfigError: `weights` has a name that no row starts from, or a result in `out` is another
            suite's.
        DataError: the result of a finished cell cannot be read.
    """
    asked = sorted({cell.init for cell in found if cell.init is not None})
    if odd := sorted(set(weights) - set(asked)):
        raise ConfigError(
            f"no row starts from {odd[0]!r}{nearest(odd[0], asked)}",
            f"they start from {', '.join(asked)}" if asked else "leave --init out",
        )
    stands: dict[str, Planned] = {}
    for cell in found:
        stands[cell.name] = _stand(cell, out, places, weights, stands)
    return list(stands.values())


def _stand(
    cell: Cell,
    out: Path,
    places: Mapping[str, Place],
    weights: Mapping[str, str],
    before: Mapping[str, Planned],
) -> Planned:
    path = cell.path(out)
    if path.exists():
        try:
            result = read_result(path)
        except DataError as error:
            if is_kept(path):
                raise DataError(
                    error.message, "read it with the agekit that wrote it, or move it away"
                ) from error
            return Planned(cell, "new", error.message)
        _require_same(path, result, cell)
        return Planned(cell, result.status, result.error.message if result.error else "", result)
    why = places[cell.dataset].lacking
    if not why and cell.init is not None and cell.init not in weights:
        why = f"weights (--init {cell.init}=MODEL)"
    if why:
        return Planned(cell, "waiting", why)
    source = before.get(cell.after or "")
    if source is not None and source.state in ("waiting", "blocked"):
        return Planned(cell, source.state, source.why)
    if source is not None and source.state == "failed":
        return Planned(cell, "blocked", f"it starts from {source.cell.name}, which failed")
    return Planned(cell, "begun" if (cell.folder(out) / SPEC).exists() else "new")


def _require_same(path: Path, result: Result, cell: Cell) -> None:
    """A result's path says neither its suite, nor the preset of that, nor what a file held."""
    if cell.recipe.endswith(ENDINGS) and result.status == "done":
        started = cell.init is not None or cell.after is not None
        if not cell.resolved.was(result.recipe or {}, started=started):
            raise ConfigError(
                f"{path} is the result of another recipe than {cell.recipe} is now",
                "choose another folder with --out, or take the recipe back",
            )
    mine, its = (cell.suite, cell.preset), (result.suite, result.preset)
    if mine != its:
        told, wanted = (f"suite {name}, preset {preset or 'none'}" for name, preset in (its, mine))
        raise ConfigError(
            f"{path} is the result of another cell: {told}; not {wanted}",
            "choose another folder with --out",
        )
