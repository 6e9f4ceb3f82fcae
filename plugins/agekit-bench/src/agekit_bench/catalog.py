"""Suites: those that are installed, and the snapshots beside results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from agekit._paths import expand_user
from agekit._yaml import read_yaml
from agekit.atomic import write_text
from agekit.errors import AgekitError, ConfigError, nearest
from agekit.recipe_names import resolve_recipe_name
from agekit.registry import RECIPES

if TYPE_CHECKING:
    from agekit_bench.suite import Row, Suite

__all__ = [
    "ENDINGS",
    "VARIABLE",
    "Listing",
    "count_cells",
    "find_snapshot",
    "find_suites",
    "is_open",
    "list_suites",
    "load_suite",
    "save_snapshot",
    "shipped",
]


VARIABLE = "AGEKIT_SUITES"
"""Folders of a user's own suites."""
ENDINGS = (".yaml", ".yml")


class Listing(NamedTuple):
    """A suite as lists show it.

    Args:
        name: what it is called by.
        cells: how many it has.
        description: one line.
        path: its file.
    """

    name: str
    cells: int
    description: str
    path: Path


def shipped() -> Path:
    """The folder of agekit's own suites."""
    return Path(__file__).parent / "suites"


def find_suites() -> dict[str, Path]:
    """The files of all suites by name, sorted: those of ``$AGEKIT_SUITES``, then agekit's own.

    Nothing is read; the first to give a name keeps it.
    """
    found: dict[str, Path] = {}
    for folder in _folders():
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.suffix in ENDINGS and not path.name.startswith("."):
                    found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def list_suites(remarks: list[str]) -> list[Listing]:
    """Every suite, read with the little checking that a list needs.

    Args:
        remarks: gets a line for each that cannot be read.
    """
    found = []
    for name, path in find_suites().items():
        try:
            data = read_yaml(path, f"{path} cannot be read")
            found.append(Listing(name, count_cells(data), str(data["description"]), path))
        except ConfigError as error:
            remarks.append(error.message)
        except (AttributeError, KeyError, TypeError):
            remarks.append(f"{path} is not a suite")
    return found


def count_cells(suite: Mapping[str, Any]) -> int:
    """The number of cells of a suite, as its file says; nothing is checked.

    Args:
        suite: as plain data.
    """
    total = 0
    for row in suite["rows"]:
        backbones = row.get("backbones") or suite.get("backbones")
        many = len(backbones) if backbones and is_open(row["recipe"]) else 1
        seeds = row.get("seeds") or suite.get("seeds", (0, 1, 2))
        total += many * len(row.get("protocols") or suite["protocols"]) * len(seeds)
    return total


@cache
def is_open(recipe: str) -> bool:
    """True if a recipe leaves its backbone, or generator, to be chosen; False if it is unknown."""
    try:
        if recipe.endswith(ENDINGS) or resolve_recipe_name(recipe)[1] is not None:
            return False
        chain = [data for _, data in RECIPES.chain(recipe)]
    except AgekitError:
        return False
    return not any("backbone" in data or "generator" in data for data in chain)


def _folders() -> Iterator[Path]:
    for name in os.environ.get(VARIABLE, "").split(os.pathsep):
        if name:
            yield expand_user(name).absolute()
    yield shipped()


_ENDING = ".suite.yaml"
_HEAD = "# The suite that the results beside this file are of, as `agekit bench run` read it.\n"


def save_snapshot(suite: Suite, out: Path) -> None:
    """Writes a suite to ``OUT/<name>.suite.yaml``; a file there that is no such copy is let be.

    Recipes that are files are named as seen from there.

    Args:
        suite: as it was loaded.
        out: the folder of its results.
    """
    path = _place(suite.name, out)
    if path.exists() and not path.read_bytes().startswith(_HEAD.encode()):
        return
    plain = suite.model_dump(mode="json", exclude_unset=True)
    for row in plain["rows"]:
        if row["recipe"].endswith(ENDINGS):
            row["recipe"] = os.path.relpath(row["recipe"], out)
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    write_text(path, _HEAD + text)


def find_snapshot(name: str, results: Iterable[Path]) -> Suite | None:
    """The suite that results are of: the one beside them, else the one that is known by its name.

    Args:
        name: the suite's.
        results: the paths of its result files.

    Raises:
        ConfigError: it is there and cannot be read.
    """
    for out in dict.fromkeys(path.parent.parent.parent for path in results):
        if (place := _place(name, out)).is_file():
            return load_suite(place)
    return load_suite(name) if name in find_suites() else None


def _place(name: str, out: Path) -> Path:
    return out / f"{name}{_ENDING}"


def load_suite(name: str | Path) -> Suite:
    """Reads a suite.

    Args:
        name: one of `find_suites`, or the path of a YAML file.

    Raises:
        ConfigError: there is none, or it has mistakes; every one of them.
    """
    from pydantic import ValidationError  # `bench list` goes without

    from agekit._mistakes import list_mistakes
    from agekit_bench.suite import Suite

    path = _find(str(name))
    data = read_yaml(path, f"cannot read the suite {path}")
    if not isinstance(data, dict):
        raise ConfigError(f"the suite {path} is not a mapping")
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [f"{path.name}: {line}" for line in list_mistakes(error, Suite)], f"correct {path}"
        ) from error
    return suite.model_copy(update={"rows": [_placed(row, path.parent) for row in suite.rows]})


def _find(name: str) -> Path:
    if name.endswith(ENDINGS):
        return expand_user(name)
    suites = find_suites()
    if name not in suites:
        raise ConfigError(
            f"there is no suite {name!r}{nearest(name, suites)}",
            f"see `agekit bench list`, or give the path of a YAML file; ${VARIABLE} names folders "
            "of your own",
        )
    return suites[name]


def _placed(row: Row, folder: Path) -> Row:
    """A row whose recipe, if it is a file, is found from anywhere."""
    if not row.recipe.endswith(ENDINGS):
        return row
    return row.model_copy(update={"recipe": str((folder / row.recipe).absolute())})
