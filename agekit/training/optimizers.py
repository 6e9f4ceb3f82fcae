"""The optimisers of timm: their names, read from its source, and how one is built."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agekit.discovery import module_paths

if TYPE_CHECKING:
    from torch.optim import Optimizer

__all__ = ["timm_names", "timm_optimizer"]

_FACTORY = "timm.optim._optim_factory"


@lru_cache(maxsize=1)
def timm_names() -> Mapping[str, str]:
    """Every optimiser of timm's factory → `module:Class`, without importing it.

    Empty where the source is laid out otherwise; then any name is taken until one is built.
    """
    tree = _parsed()
    if tree is None:
        return {}
    package = _FACTORY.rpartition(".")[0]
    places = {
        alias.asname or alias.name: f"{package}.{node.module}:{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "OptimInfo":
            keys = {keyword.arg: keyword.value for keyword in node.keywords}
            name, factory = keys.get("name"), keys.get("opt_class")
            if isinstance(name, ast.Constant) and factory is not None:
                text = factory.value if isinstance(factory, ast.Constant) else ast.unparse(factory)
                module, _, attribute = str(text).rpartition(".")
                found[str(name.value)] = places.get(str(text), f"{module}:{attribute}")
    return found


def _parsed() -> ast.Module | None:
    for base in module_paths(_FACTORY):
        try:
            return ast.parse(Path(f"{base}.py").read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
    return None


def timm_optimizer(name: str, params: Iterable[Any], **arguments: Any) -> Optimizer:
    """Builds an optimiser by timm's factory, which gives a momentum of 0.9 where one is not given.

    Args:
        name: of the factory.
        params: parameters, or groups of them.
        arguments: ``lr``, ``weight_decay`` and its own.
    """
    from timm.optim._optim_factory import create_optimizer_v2

    built: Optimizer = create_optimizer_v2(list(params), name, **arguments)
    return built
