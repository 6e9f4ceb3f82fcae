"""Ranks by the figure that a task names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from agekit.errors import AgekitError
from agekit.registry import TASKS
from agekit.task import Ranking, Task
from agekit_bench.report.model import Row
from agekit_bench.report.rows import Group
from agekit_bench.stats.comparison import Rank, Trainings

__all__ = ["badness", "ranking_of", "ranks_by_figure", "why_unranked"]


def ranking_of(kind: str) -> Ranking | None:
    """The figure that models of a task are ranked by; None without one, or without the task."""
    with suppress(AgekitError):
        task: Task = TASKS.get(kind)
        return task.ranked_by
    return None


def ranks_by_figure(ranking: Ranking | None, groups: Sequence[Group]) -> dict[int, Rank]:
    """The ranks of rows by a figure of their trainings, by the rows' identity."""
    if ranking is None:
        return {}
    sign = -1 if ranking.higher else 1
    known = [group for group in groups if all(ranking.name in m for m in group.metrics)]
    means = [sign * np.array([m[ranking.name] for m in group.metrics]) for group in known]
    found = Trainings([group.seeds for group in known], means)
    return dict(zip(map(id, known), found.ranks, strict=True)) if known else {}


def why_unranked(ranking: Ranking | None, group: Group) -> str:
    """Why a row has no rank."""
    if ranking is None:
        return "nothing says by what to rank it: not ranked"
    if not ranking.of_faces:
        return f"not every training has the figure {ranking.name}: not ranked"
    if group.scored is None:
        return "no per-face estimates that could be used: not ranked"
    return "scored on faces that the other rows have none of: not ranked"


def badness(ranking: Ranking | None, row: Row) -> float:
    """The key of rows without a rank, or with one rank: the less the better."""
    value = row.metrics.get(ranking.name) if ranking else None
    if ranking is None or value is None:
        return float("inf")
    return -value.mean if ranking.higher else value.mean
