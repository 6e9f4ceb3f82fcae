"""The optimisers, schedules and hooks of timm and mmengine: names, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agekit.discovery import module_paths
from agekit.errors import ConfigError, UnknownNameError, nearest

if TYPE_CHECKING:
    from mmengine.hooks import Hook
    from torch.optim import Optimizer

    from agekit.training.schedule import Schedulers, Span

__all__ = ["hook_names", "mmengine_hook", "mmengine_schedule", "timm_names", "timm_optimizer"]

_FACTORY = "timm.optim._optim_factory"
_HOOKS = "mmengine.hooks"
_OURS: Mapping[str, str] = {
    "CheckpointHook": "a run keeps its checkpoints itself, and by train.keep the best one",
    "DistSamplerSeedHook": "every training has it",
    "EMAHook": "set train.ema",
    "Hook": "it does nothing; name one that does",
    "IterTimerHook": "a run measures its speed itself",
    "LoggerHook": "a run keeps its losses itself; --log tensorboard writes them for others",
    "NaiveVisualizationHook": "it shows what a network of another kind finds",
    "ParamSchedulerHook": "every training has it, for train.schedule",
    "PrepareTTAHook": "set estimate.mirror",
    "RuntimeInfoHook": "a run keeps its losses itself",
}
"""Hooks of mmengine that a recipe cannot name, and what does their work."""


@lru_cache(maxsize=1)
def timm_names() -> Mapping[str, str]:
    """Every optimiser of timm's factory → `module:Class`, without importing it.

    Empty where the source is laid out otherwise; then any name is taken until one is built.
    """
    tree = _parsed(_FACTORY)
    if tree is None:
        return {}
    places = _imported(tree, _FACTORY.rpartition(".")[0])
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


def _parsed(module: str) -> ast.Module | None:
    for base in module_paths(module):
        for path in (Path(f"{base}.py"), Path(base, "__init__.py")):
            with suppress(OSError, SyntaxError, ValueError):
                return ast.parse(path.read_bytes())
    return None


def _imported(tree: ast.Module, package: str) -> dict[str, str]:
    """The imports of a module from beside it: name → `module:object`."""
    return {
        alias.asname or alias.name: f"{package}.{node.module}:{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


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


@lru_cache(maxsize=1)
def hook_names() -> Mapping[str, str]:
    """Every hook of mmengine, in lower case → `module:Class`, without importing it."""
    tree = _parsed(_HOOKS)
    found = {} if tree is None else _imported(tree, _HOOKS)
    return {name.lower(): value for name, value in found.items()}


def mmengine_hook(name: str, **arguments: Any) -> Hook:
    """Builds a hook of mmengine.

    Args:
        name: of its class, in any case.
        arguments: its own.

    Raises:
        ConfigError: its work is done otherwise here.
    """
    from mmengine import hooks

    known = {one.lower(): one for one in hooks.__all__}
    if (cls := known.get(name.lower())) is None:
        raise UnknownNameError(f"mmengine has no hook {name!r}{nearest(name, hooks.__all__)}")
    if cls in _OURS:
        raise ConfigError(f"train.hooks: {cls} cannot be used here", _OURS[cls])
    built: Hook = getattr(hooks, cls)(**arguments)
    return built


def mmengine_schedule(name: str, span: Span, **arguments: Any) -> Schedulers:
    """Any parameter scheduler of mmengine, with its own arguments: ``mmengine/<scheduler>``.

    Args:
        name: of its class, such as ``CosineRestartLR``.
        span: what it is spread over.
        arguments: its own, as mmengine documents them.

    Raises:
        UnknownNameError: mmengine has no such scheduler.
    """
    from mmengine.registry import PARAM_SCHEDULERS

    known = [one for one in PARAM_SCHEDULERS.module_dict if one.endswith("LR")]
    if name not in known:
        raise UnknownNameError(
            f"mmengine has no scheduler {name!r}{nearest(name, known)}",
            f"it has {', '.join(sorted(known))}",
        )
    return [{"type": name, **arguments}]
