"""What a model scored: the figures of its test split, as a leaderboard takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agekit.registry import TASKS
from agekit.zoo.cards.text import clean, interval
from agekit.zoo.config import ModelConfig

__all__ = ["Score", "identifier", "score", "score_notes", "scores"]


@dataclass(frozen=True)
class Score:
    """One figure on one split of one protocol.

    Attributes:
        dataset: registry name.
        protocol: its name within the dataset.
        split: which split.
        split_hash: of the protocol's splits; empty where it is not known.
        metric: what was measured, as an identifier.
        name: the same for people.
        value: the figure.
        notes: its unit, how many faces, its interval, the seed.
    """

    dataset: str
    protocol: str
    split: str
    split_hash: str
    metric: str
    name: str
    value: float
    notes: str


def scores(config: ModelConfig, metrics: Mapping[str, Any]) -> list[Score]:
    """What a model scored where it is told, by its task; else nothing.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    found: list[Score] = TASKS.get(config.task).scores(config, metrics)
    return found


def identifier(text: str) -> str:
    """A text as small letters, digits, points, dashes and underscores."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.") or "unnamed"


def score(where: Mapping[str, Any], metric: str, name: str, value: float, notes: str) -> Score:
    """A figure and where it was measured.

    Args:
        where: ``dataset``, ``protocol``, ``split`` and ``split_hash``, as far as they are known.
        metric: see `Score`.
        name: see `Score`.
        value: see `Score`.
        notes: see `Score`, as `score_notes` makes them.
    """
    dataset = clean(where.get("dataset") or "unknown")
    split_hash = where.get("split_hash")
    return Score(
        dataset,
        clean(where.get("protocol") or "unknown").removeprefix(f"{dataset}:"),
        clean(where.get("split") or "test"),
        clean(split_hash) if split_hash else "",
        clean(metric),
        clean(name),
        round(float(value), 4),
        clean(notes),
    )


def score_notes(unit: str, n: int | None, ends: Any, where: Mapping[str, Any]) -> str:
    """What to say beside a figure.

    Args:
        unit: of it.
        n: how many faces.
        ends: of its interval.
        where: also ``seed`` and ``agekit``, as far as they are known.
    """
    parts = [
        unit,
        f"{n:,} faces" if n else "",
        f"95% interval {interval(ends)}" if ends else "",
        f"split {where['split_hash']}" if where.get("split_hash") else "",
        f"seed {where['seed']}" if where.get("seed") is not None else "",
        f"agekit {where['agekit']}" if where.get("agekit") else "",
    ]
    return "; ".join(part for part in parts if part)
