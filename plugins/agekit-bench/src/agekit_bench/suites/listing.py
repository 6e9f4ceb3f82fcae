"""Where suites are found, and the little that a list of them says; reads no more than that."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from agekit._paths import expand_user
from agekit._yaml import read_yaml
from agekit.errors import AgekitError, ConfigError
from agekit.registry import RECIPES, resolve_recipe_name

__all__ = [
    "ENDINGS",
    "VARIABLE",
    "Listing",
    "count_cells",
    "find_suites",
    "is_open",
    "list_suites",
    "shipped",
]

VARIABLE = "AGEKIT_SUITES"
"""Folders of a user's own suites."""
ENDINGS = (".yaml", ".yml")


class Listing(NamedTuple):
    """What a list says of a suite.

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
    return Path(__file__).parent


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
    """How many cells a suite has, as its file says; nothing is checked.

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
    """Whether a recipe leaves its backbone, or generator, to be chosen; False if it is unknown."""
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
