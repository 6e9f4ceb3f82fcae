"""What a model scored: the figures of its test split, as a leaderboard takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agekit.zoo.cards.text import clean, interval, mapping
from agekit.zoo.config import AgerConfig, ModelConfig

__all__ = ["Score", "identifier", "scores"]

_WHERE = ("dataset", "protocol", "split", "split_hash")
_ESTIMATOR = {
    "mae": ("MAE (years)", "years, lower is better"),
    "cs5": ("CS@5", "share of errors of at most 5 years"),
    "epsilon": ("epsilon-error", "0 to 1, lower is better"),
    "coverage": ("coverage", "share of true ages within their {level:.0%} interval"),
}


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


def scores(config: ModelConfig | AgerConfig, metrics: Mapping[str, Any]) -> list[Score]:
    """What a model scored on its test split, and where an ager was judged; else nothing.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    own = dict(config.trained)
    if isinstance(config, ModelConfig):
        return _estimator(own, mapping(metrics, "test"), config.interval.level)
    judged = mapping(metrics, "evaluation")
    there = {key: judged[key] for key in _WHERE if key in judged}
    return _cycle(own, config.domains, mapping(metrics, "test")) + _judged(own | there, judged)


def identifier(text: str) -> str:
    """A text as small letters, digits, points, dashes and underscores."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.") or "unnamed"


def _estimator(where: Mapping[str, Any], row: Mapping[str, Any], level: float) -> list[Score]:
    out = []
    for metric, (name, unit) in _ESTIMATOR.items():
        if row.get(metric) is not None:
            ends = row.get("mae_interval") if metric == "mae" else None
            notes = _notes(unit.format(level=level), row.get("n"), ends, where)
            out.append(_score(where, metric, name, row[metric], notes))
    return out


def _cycle(
    where: Mapping[str, Any], domains: Mapping[Any, str], row: Mapping[str, Any]
) -> list[Score]:
    unit = "mean absolute difference of pixels from -1 to 1 after there and back; " + "; ".join(
        f"{name}: {faces}" for name, faces in domains.items()
    )
    return [
        _score(
            where,
            f"cycle-l1-{start}",
            f"cycle error from {start}",
            row[key],
            _notes(unit, None, None, where),
        )
        for start, key in (("young", "cycle_young"), ("old", "cycle_old"))
        if row.get(key) is not None
    ]


def _judged(where: Mapping[str, Any], judged: Mapping[str, Any]) -> list[Score]:
    out = []
    for to, part in mapping(judged, "metrics").items():
        for judge, row in part["judges"].items():
            if row["shift"] is not None:
                notes = _notes(f"years, as {judge} sees them", row["n"], row["interval"], where)
                name = f"mean change of apparent age to {to}, {judge} (years)"
                metric = f"age-shift-{to}-{identifier(judge)}"
                out.append(_score(where, metric, name, row["shift"], notes))
        if same := part.get("identity"):
            notes = _notes(f"cosine in {same['network']}", same["n"], same["interval"], where)
            if same["cosine"] is not None:
                name = f"likeness of the person made {to}"
                out.append(_score(where, f"identity-{to}", name, same["cosine"], notes))
    return out


def _score(where: Mapping[str, Any], metric: str, name: str, value: float, notes: str) -> Score:
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


def _notes(unit: str, n: int | None, ends: Any, where: Mapping[str, Any]) -> str:
    parts = [
        unit,
        f"{n:,} faces" if n else "",
        f"95% interval {interval(ends)}" if ends else "",
        f"split {where['split_hash']}" if where.get("split_hash") else "",
        f"seed {where['seed']}" if where.get("seed") is not None else "",
        f"agekit {where['agekit']}" if where.get("agekit") else "",
    ]
    return "; ".join(part for part in parts if part)
