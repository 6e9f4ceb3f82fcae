"""The cells of a suite that are left to do, and mistakes that can be known before they begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agekit.errors import AgekitError, ConfigError, DataError, nearest
from agekit.registry import TASKS
from agekit.task import Task
from agekit_bench.catalog import ENDINGS
from agekit_bench.cells import Cell, takes_judges
from agekit_bench.datasets import DatasetLocation, cut_command, is_uncut
from agekit_bench.report.reported import find_reported
from agekit_bench.result import Result
from agekit_bench.result_files import is_kept, read_result
from agekit_bench.spec import SPEC
from agekit_bench.suite import Suite

__all__ = ["CellStatus", "State", "check_start", "choose_judges", "plan", "require_cut", "to_cut"]


State = Literal["done", "failed", "begun", "new", "waiting", "blocked"]


@dataclass(frozen=True)
class CellStatus:
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


def plan(
    found: Sequence[Cell],
    out: Path,
    places: Mapping[str, DatasetLocation],
    weights: Mapping[str, str],
) -> list[CellStatus]:
    """The status of every cell, in their order.

    Args:
        found: the cells.
        out: where their results go.
        places: see `locate_datasets`.
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
    stands: dict[str, CellStatus] = {}
    for cell in found:
        stands[cell.name] = _stand(cell, out, places, weights, stands)
    return list(stands.values())


def _stand(
    cell: Cell,
    out: Path,
    places: Mapping[str, DatasetLocation],
    weights: Mapping[str, str],
    before: Mapping[str, CellStatus],
) -> CellStatus:
    path = cell.path(out)
    if path.exists():
        try:
            result = read_result(path)
        except DataError as error:
            if is_kept(path):
                raise DataError(
                    error.message, "read it with the agekit that wrote it, or move it away"
                ) from error
            return CellStatus(cell, "new", error.message)
        _require_same(path, result, cell)
        return CellStatus(cell, result.status, result.error.message if result.error else "", result)
    why = places[cell.dataset].lacking
    if not why and cell.init is not None and cell.init not in weights:
        why = f"weights (--init {cell.init}=MODEL)"
    if why:
        return CellStatus(cell, "waiting", why)
    source = before.get(cell.after or "")
    if source is not None and source.state in ("waiting", "blocked"):
        return CellStatus(cell, source.state, source.why)
    if source is not None and source.state == "failed":
        return CellStatus(cell, "blocked", f"it starts from {source.cell.name}, which failed")
    return CellStatus(cell, "begun" if (cell.folder(out) / SPEC).exists() else "new")


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


def check_start(
    suite: Suite,
    planned: Sequence[CellStatus],
    *,
    device: str,
    weights: Mapping[str, str],
    judges: Sequence[str] = (),
    on_cluster: bool = False,
) -> None:
    """Checks what all cells rely on: the device, the models to start from, the judges.

    Args:
        suite: theirs.
        planned: the cells.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        weights: models to start from, by the name that rows know them by.
        judges: of agers, in place of the suite's.
        on_cluster: whether the device is another machine's.

    Raises:
        ConfigError: something is not there; all of it is told.
    """
    mistakes = [] if on_cluster else list(_device(device))
    mistakes += _models(weights)
    judged = _judged(planned)
    mistakes += _judges(judged, judges or suite.judges)
    if judges and not judged:
        mistakes.append(f"--judge: none of these cells of {suite.name} is scored by judges")
    if suite.reported is not None and suite.reported not in (known := find_reported()):
        meant = nearest(suite.reported, known)
        mistakes.append(f"there are no reported figures called {suite.reported!r}{meant}")
    if mistakes:
        raise ConfigError(mistakes, "correct what was asked for; nothing was trained")


def choose_judges(
    suite: Suite, planned: Sequence[CellStatus], judges: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """The judges of those cells that are scored by some, and a line that says whom nobody named.

    Args:
        suite: which may name judges.
        planned: its cells.
        judges: those asked for, in place of the suite's.

    Raises:
        ModelError: nobody chose, and the zoo has none to choose.
    """
    named = tuple(judges or suite.judges)
    judged = _judged(planned)
    if named or not judged:
        return named, ""
    chosen, told = judged[0].evaluation.complete({})
    return chosen["judges"], told


def _judged(planned: Sequence[CellStatus]) -> list[Task]:
    """The tasks of the cells that are scored by judges."""
    kinds = dict.fromkeys(one.cell.kind for one in planned)
    return [TASKS.get(kind) for kind in kinds if takes_judges(kind)]


def to_cut(
    suite: Suite, planned: Sequence[CellStatus], places: Mapping[str, DatasetLocation]
) -> dict[str, str]:
    """The command that cuts out the faces of each dataset whose are not yet, by its name.

    Args:
        suite: theirs.
        planned: the cells; those that are done need nothing.
        places: where the datasets lie.
    """
    ahead = [one.cell for one in planned if one.state != "done"]
    names = [cell.dataset for cell in ahead]
    if any(not takes_judges(cell.kind) for cell in ahead):
        names += [cross.dataset for cross in suite.cross]
    return {
        name: cut_command(suite, name, places[name].root)
        for name in dict.fromkeys(names)
        if is_uncut(suite, name, places[name].root)
    }


def require_cut(
    suite: Suite, planned: Sequence[CellStatus], places: Mapping[str, DatasetLocation]
) -> None:
    """Refuses datasets of whole photos before anything is trained.

    Args:
        suite: theirs.
        planned: the cells.
        places: where the datasets lie; what is not at hand holds nothing up.

    Raises:
        ConfigError: faces have to be cut out first; the commands are told.
    """
    commands = to_cut(suite, planned, places)
    here = {name: line for name, line in commands.items() if not places[name].lacking}
    if here:
        roots = " ".join(f"--root {name}={name}-chips" for name in here)
        raise ConfigError(
            [
                f"{name} is a dataset of whole photos: cut its faces out by `{line}`"
                for name, line in here.items()
            ],
            f"then give {roots}; or let the suite take photos as they are: alignment: {{align: "
            "whole}",
        )


def _device(name: str) -> Iterator[str]:
    if not name.startswith("cuda"):
        return
    from agekit.device import pick_device

    try:
        pick_device(name)
    except ConfigError as error:
        yield from error.mistakes


def _models(weights: Mapping[str, str]) -> Iterator[str]:
    for name, value in weights.items():
        if not _is_model(value) and not Path(value).is_file():
            yield f"--init {name}: there is no model or file {value}"


def _judges(tasks: Sequence[Task], names: Sequence[str]) -> Iterator[str]:
    for task in tasks if names else ():
        try:
            task.evaluation.complete({"judges": names})
        except ConfigError as error:
            yield from error.mistakes


def _is_model(name: str) -> bool:
    from agekit.zoo.locate import is_model

    try:
        return is_model(name)
    except AgekitError:
        return False
