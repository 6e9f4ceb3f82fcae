"""The metrics of a trained network on one split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agekit.bootstrap import mean_interval
from agekit.data.table import FaceTable
from agekit.tasks.estimator.metrics import mae, per_age_bin, summary
from agekit.tasks.estimator.model import AgeEstimator
from agekit.training.faces import TrainingFaces

__all__ = ["generation_metrics"]


def generation_metrics(
    network: AgeEstimator, raw: Mapping[str, Tensor], faces: TrainingFaces, split: str
) -> dict[str, Any]:
    """Scalar metrics, and MAE by head, age bin, gender and group.

    Args:
        network: calibrated.
        raw: its raw outputs on the split, by head.
        faces: the data.
        split: which split.
    """
    rows = faces.rows(split)
    table = faces.faces.table
    true = table.age[rows]
    estimate = network.estimate(raw)
    age = estimate.age.cpu().numpy()
    out: dict[str, Any] = {"n": len(rows)}
    out |= summary(
        age,
        true,
        sigma=table.sigma[rows],
        low=estimate.low.cpu().numpy(),
        high=estimate.high.cpu().numpy(),
    )
    if split == "test":
        out["mae_interval"] = mean_interval(np.abs(age - true), seed=0)
    parts = network.per_head(raw)
    if len(parts) > 1:
        out["mae_by_head"] = {
            head: mae(part.age.cpu().numpy(), true) for head, part in parts.items()
        }
    out["by_age"] = per_age_bin(age, true)
    out |= _by_group(age, true, table, rows)
    return out


def _by_group(
    age: NDArray[Any], true: NDArray[Any], table: FaceTable, rows: NDArray[np.int64]
) -> dict[str, Any]:
    columns = {
        "by_gender": (table.gender[rows], ("male", "female")),
        "by_group": (table.group[rows], table.group_names),
    }
    out: dict[str, Any] = {}
    for key, (codes, names) in columns.items():
        members = {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}
        found = {
            name: {"n": len(mine), "mae": mae(age[mine], true[mine])}
            for name, mine in members.items()
            if len(mine)
        }
        if found:
            out[key] = found
    return out
