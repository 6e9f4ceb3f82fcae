"""What a row sets in its recipe, as the overrides that a user could type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import yaml

from agekit.recipe.merge import parse_value
from agekit_bench.suites.suite import Row

__all__ = ["settings_of"]


def settings_of(row: Row, epochs: int | None) -> Iterator[str]:
    """A row's settings as ``key=value``, each value as YAML that is read back to the same.

    Args:
        row: of a suite.
        epochs: of each generation; None leaves the recipe's.
    """
    if epochs is not None:
        yield f"train.epochs={epochs}"
    if row.generations is not None:
        yield f"evolver.generations={row.generations}"
    for key, value in row.set.items():
        yield f"{key}={_as_text(value)}"


def _as_text(value: Any) -> str:
    if isinstance(value, list | dict):
        text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
        return text.strip()
    with suppress(ValueError):
        if isinstance(value, str) and parse_value(value) == value:
            return value
    return json.dumps(value)
