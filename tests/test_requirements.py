"""What the distributions say that they require, against what their modules import."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from agekit.discovery import CORE, PACKAGE

ROOT = Path(__file__).parents[1]
PROJECTS = {CORE: ROOT} | {path.parent.name: path.parent for path in ROOT.glob("plugins/*/*.toml")}
PACKAGES = {name.replace("-", "_"): name for name in PROJECTS} | {PACKAGE: CORE}
"""Import name → distribution, of ours."""
OPTIONAL = {"pillow_heif": "pillow-heif", "submitit": "submitit", "pynvml": "nvidia-ml-py"}
"""The same of libraries that the development environment need not have."""


def table(name: str) -> dict[str, Any]:
    with open(PROJECTS[name] / "pyproject.toml", "rb") as file:
        found: dict[str, Any] = tomllib.load(file)["project"]
        return found


def declared(name: str, extras: Iterable[str]) -> set[str]:
    """What a distribution requires, and what those of ours require that it names."""
    project, found = table(name), {name}
    optional = project.get("optional-dependencies", {})
    for line in (*project["dependencies"], *(line for extra in extras for line in optional[extra])):
        one = Requirement(line)
        ours = one.name in PROJECTS
        found |= declared(one.name, one.extras) if ours else {canonicalize_name(one.name)}
    return found


def imported(folder: Path) -> set[str]:
    """The top-level packages that any line below a folder imports."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    return tops - sys.stdlib_module_names - {"_typeshed"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROJECTS.keys() - {PACKAGE}))
def test_what_is_imported_is_required(name: str) -> None:
    folder = ROOT / PACKAGE if name == CORE else PROJECTS[name] / "src"
    known = metadata.packages_distributions()
    given = declared(name, table(name).get("optional-dependencies", {}))
    lacking = {}
    for top in imported(folder):
        givers = {PACKAGES.get(top) or OPTIONAL.get(top) or "", *known.get(top, ())}
        if not {canonicalize_name(giver) for giver in givers} & given:
            lacking[top] = givers
    assert not lacking
    if name == CORE:
        assert not given & (PROJECTS.keys() - {CORE}), "the core requires no plugin"


def test_the_distributions_are_of_one_version_and_require_one_another_in_no_circle() -> None:
    major, second, *_ = table(CORE)["version"].split(".")
    minor = SpecifierSet(f">={major}.{second},<{major}.{int(second) + 1}")
    needs: dict[str, set[str]] = {}
    for name in PROJECTS:
        lines = map(Requirement, table(name)["dependencies"])
        ours = [one for one in lines if one.name in PROJECTS]
        assert all(one.specifier == minor for one in ours)
        needs[name] = {one.name for one in ours}
    assert next(iter(TopologicalSorter(needs).static_order())) == CORE
    assert {table(name)["version"] for name in PROJECTS} == {table(CORE)["version"]}
    assert needs[PACKAGE] == PROJECTS.keys() - {PACKAGE}
    told = (PROJECTS[PACKAGE] / "README.md").read_text(encoding="utf-8")
    assert not [name for name in needs[PACKAGE] if f"`{name}`" not in told]
