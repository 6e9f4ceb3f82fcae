"""Merging a recipe with a preset and with overrides, as plain data."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from agekit._yaml import parse_yaml
from agekit.errors import nearest

__all__ = ["assigned", "merge", "override", "parse_value", "plain"]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on top, mapping by mapping.

    A mapping whose `type` changes is replaced as a whole: the arguments of one part mean nothing
    to another.
    """
    out = copy.deepcopy(dict(base))
    for key, value in over.items():
        mine = out.get(key)
        if isinstance(mine, dict) and isinstance(value, Mapping):
            changed = "type" in value and value["type"] != mine.get("type")
            out[key] = copy.deepcopy(dict(value)) if changed else merge(mine, value)
        else:
            out[key] = copy.deepcopy(value)
    return out


def plain(value: Any) -> Any:
    """YAML's values as JSON holds them: dates become text, every key of a mapping too.

    Raises:
        ValueError: JSON cannot hold it: a number that is not finite, a mapping inside itself.
    """
    try:
        return json.loads(json.dumps(value, default=str, allow_nan=False))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parse_value(text: str) -> Any:
    """A value as YAML, with ``1e-4`` a number too.

    Raises:
        ValueError: the text is not YAML, or not plain data.
    """
    try:
        value = parse_yaml(text)
    except ValueError as error:
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise ValueError(f"not a YAML value: {shown!r}") from error
    if isinstance(value, str) and any(c.isdigit() for c in value):
        with suppress(ValueError):
            value = float(value)
    return plain(value)


def assigned(assignments: Iterable[str], *section: str) -> set[str]:
    """The keys of a section that ``a.b=value`` assignments set, alone or with the whole of it."""
    tree: Any = {}
    for assignment in assignments:
        path, _, text = assignment.partition("=")
        value = parse_value(text)
        for key in reversed(path.split(".")):
            value = {key: value}
        tree = merge(tree, value)
    for key in section:
        tree = tree.get(key, {}) if isinstance(tree, dict) else {}
    return set(tree) if isinstance(tree, dict) else set()


def override(
    recipe: dict[str, Any], assignments: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Applies ``a.b.0.c=value`` assignments; returns the new recipe and the mistakes in them.

    Only a mapping's last key may be new: whether it means anything is the schema's to say. What
    is null may be a mapping that is not there yet.
    """
    out = copy.deepcopy(recipe)
    mistakes: list[str] = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            mistakes.append(f"--set {assignment!r} is not of the form a.b=value")
            continue
        try:
            _assign(out, path.split("."), parse_value(text))
        except (KeyError, ValueError) as error:
            mistakes.append(f"--set {path}: {error.args[0]}")
    return out, mistakes


def _assign(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    node: Any = tree
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(node, list):
            if not key.isdigit() or int(key) >= len(node):
                raise KeyError(f"{key!r} is not an index into a list of {len(node)}")
            if last:
                node[int(key)] = value
            else:
                node = node[int(key)]
        elif isinstance(node, dict):
            if last:
                node.update(merge({key: node.get(key)}, {key: value}))
            elif key in node:
                if node[key] is None:
                    node[key] = {}
                node = node[key]
            else:
                raise KeyError(f"there is no key {key!r}{nearest(key, node)}")
        else:
            raise KeyError(f"{'.'.join(keys[:depth])} is a value, not a mapping")
