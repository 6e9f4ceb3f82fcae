"""Definitions in the source of modules, found without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from agekit.discovery import module_paths

__all__ = [
    "DEEPEST",
    "Assignment",
    "Definition",
    "Function",
    "ModuleSource",
    "find_definition",
    "module_source",
]

DEEPEST: Final = 16
"""The most modules through which a name is followed."""
Function = ast.FunctionDef | ast.AsyncFunctionDef
Assignment = ast.Assign | ast.AnnAssign


class ModuleSource(NamedTuple):
    """A module that was parsed.

    Args:
        module: its dotted name.
        is_package: whether it is the `__init__` of a package.
        tree: what it says.
    """

    module: str
    is_package: bool
    tree: ast.Module


class Definition(NamedTuple):
    """A statement that defines a name.

    Args:
        source: the module it is in.
        node: the statement.
        depth: how many more modules a name may be followed through.
    """

    source: ModuleSource
    node: Function | ast.ClassDef | Assignment
    depth: int


def find_definition(module: str, name: str, depth: int = DEEPEST) -> Definition | None:
    """The last definition of a name of a module, in whatever module that is imported from.

    Args:
        module: a dotted name.
        name: of a class, a function or anything else at its top.
        depth: the most modules to look into.

    Returns:
        None where there is no such name, or its module has no source.
    """
    source = module_source(module)
    if source is None or depth == 0:
        return None
    found: Definition | None = None
    for node in _statements(source.tree):
        if isinstance(node, Function | ast.ClassDef):
            if node.name == name:
                found = Definition(source, node, depth)
        elif isinstance(node, Assignment):
            if name in _assigned(node):
                found = Definition(source, node, depth)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    found = find_definition(_origin(source, node), alias.name, depth - 1)
    return found


def module_source(module: str) -> ModuleSource | None:
    """The source of a module, by its dotted name; None where there is none that can be parsed."""
    for base in module_paths(module):
        for path, is_package in ((base / "__init__.py", True), (Path(f"{base}.py"), False)):
            try:
                state = path.stat()
                tree = _parsed(path, state.st_mtime_ns, state.st_size)
                return ModuleSource(module, is_package, tree)
            except (OSError, SyntaxError, ValueError):
                continue
    return None


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module, with those that are there for type checkers alone.

    A module that imports its names when they are asked for, such as `agekit.plugin`, says so there.
    """
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from node.body
        else:
            yield node


def _assigned(node: Assignment) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _origin(source: ModuleSource, node: ast.ImportFrom) -> str:
    """The absolute name of the module that a `from ... import` names."""
    if node.level == 0:
        return node.module or ""
    parts = source.module.split(".")
    kept = parts[: len(parts) - node.level + int(source.is_package)]
    return ".".join([*kept, *([node.module] if node.module else [])])


@lru_cache(maxsize=32)
def _parsed(path: Path, changed: int, size: int) -> ast.Module:
    """The syntax tree of a file, which is read again once it was changed."""
    return ast.parse(path.read_bytes())
