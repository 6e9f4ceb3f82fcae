"""The result of an ager's evaluation, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agekit.errors import counted
from agekit.tasks.evaluate import ResultTable

__all__ = ["result_tables"]

_COLUMNS = ("way", "judge", "faces", "skipped", "max", "avg", "10+ %", "15+ %", "20+ %")
_SIGNED = ("shift", "95 %", "its mae")
_FLIPS = "gender flips %"
_WAYS = {"old": "young to old", "young": "old to young"}


def result_tables(result: Mapping[str, Any]) -> list[ResultTable | str]:
    """A row for each way and judge, then what has no judge.

    Args:
        result: as `agekit.tasks.evaluate.evaluate` gives it.
    """
    metrics = result["metrics"]
    title = (
        f"{result['protocol']}, {result['split']}, {counted(result['n'], 'face')} "
        f"(split {result['split_hash']})"
    )
    judged = [
        (_WAYS[to], name, row)
        for to, part in metrics.items()
        for name, row in part["judges"].items()
    ]
    genders = any("gender_flips" in row for _, _, row in judged)
    columns = [*_COLUMNS, *_SIGNED, *([_FLIPS] if genders else [])]
    out: list[ResultTable | str] = [
        ResultTable(columns, [_row(*one)[: len(columns)] for one in judged], title),
        "years; max to 20+ as in AgingGAN's report: a move the wrong way counts as none",
        "",
    ]
    keys = dict.fromkeys(key for part in metrics.values() for key in part if key.startswith("kid_"))
    rows: list[list[str | None]] = [
        ["cycle L1", *(f"{part['cycle_l1']:.4f}" for part in metrics.values())]
    ]
    if all("identity" in part for part in metrics.values()):
        found = [part["identity"] for part in metrics.values()]
        rows += [
            ["identity cosine", *(_with_interval(part, "cosine") for part in found)],
            ["  of different faces", *(_number(part["others"], 3) for part in found)],
            ["  same person, %", *(_number(part["same"], 1) for part in found)],
            ["  faces, skipped", *(f"{part['n']:,}, {part['skipped']:,}" for part in found)],
        ]
    rows += [
        [key, *(_with_interval(part.get(key) or {}, "value") for part in metrics.values())]
        for key in keys
    ]
    table = ResultTable(["metric", *(_WAYS[to] for to in metrics)], rows)
    return [*out, table, "intervals are of 95 %"]


def _row(way: str, judge: str, row: Mapping[str, Any]) -> list[object]:
    interval = row["interval"]
    return [
        way,
        judge,
        row["n"],
        row["skipped"],
        *(_number(row[key], 1) for key in ("max", "avg", "over_10", "over_15", "over_20")),
        _number(row["shift"], 2, "+"),
        None if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f}",
        _number(row["mae"], 2),
        _number(row.get("gender_flips"), 1),
    ]


def _number(value: float | None, digits: int, sign: str = "") -> str | None:
    return None if value is None else f"{value:{sign}.{digits}f}"


def _with_interval(part: Mapping[str, Any], key: str) -> str | None:
    value, interval = part.get(key), part.get("interval")
    if value is None or interval is None:
        return _number(value, 3)
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
