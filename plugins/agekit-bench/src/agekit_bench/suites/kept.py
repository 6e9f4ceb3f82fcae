"""The suite beside its results: what a leaderboard made later asks for, wherever the suite was."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from agekit.atomic import write_text
from agekit_bench.suites.listing import ENDINGS, find_suites
from agekit_bench.suites.suite import Suite, load_suite

__all__ = ["keep_suite", "suite_of"]


_ENDING = ".suite.yaml"
_HEAD = "# The suite that the results beside this file are of, as `agekit bench run` read it.\n"


def keep_suite(suite: Suite, out: Path) -> None:
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


def suite_of(name: str, results: Iterable[Path]) -> Suite | None:
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
