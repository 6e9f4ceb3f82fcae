"""The metrics of a trained network on one split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agekit.bootstrap import mean_interval
from agekit.data.join import rows_by_dataset
from agekit.data.table import FaceTable
from agekit.tasks.estimator.metrics import mae, per_age_bin, summary
from agekit.tasks.estimator.model import AgeEstimator
from agekit.training.faces import TrainingFaces

__all__ = ["generation_metrics"]


def generation_metrics(
    network: AgeEstimator, raw: Mapping[str, Tensor], faces: TrainingFaces, split: str
) -> dict[str, Any]:
    """Scalar metrics, and MAE by head, age bin, gender, group and, of several, dataset.

    Args:
        network: calibrated.
        raw: its raw outputs on the split, by head.
        faces: the data.
        split: which split.
    """
    rows = faces.rows(split)
    table = faces.faces.table.take(rows)
    estimate = network.estimate(raw)
    age, low, high = (x.cpu().numpy() for x in (estimate.age, estimate.low, estimate.high))

    def errors(mine: NDArray[np.int64]) -> dict[str, Any]:
        true = table.age[mine]
        bounds = {"sigma": table.sigma[mine], "low": low[mine], "high": high[mine]}
        out: dict[str, Any] = {"n": len(mine), **summary(age[mine], true, **bounds)}
        if split == "test":
            out["mae_interval"] = mean_interval(np.abs(age[mine] - true), seed=0)
        return out

    out = errors(np.arange(len(rows)))
    parts = network.per_head(raw)
    if len(parts) > 1:
        out["mae_by_head"] = {
            head: mae(part.age.cpu().numpy(), table.age) for head, part in parts.items()
        }
    out["by_age"] = per_age_bin(age, table.age)
    out |= _by_group(age, table)
    if members := {name: mine for name, mine in rows_by_dataset(table).items() if len(mine)}:
        out["by_dataset"] = {
            name: errors(mine) | {"by_age": per_age_bin(age[mine], table.age[mine])}
            for name, mine in members.items()
        }
    return out


def _by_group(age: NDArray[Any], table: FaceTable) -> dict[str, Any]:
    columns = {
        "by_gender": (table.gender, ("male", "female")),
        "by_group": (table.group, table.group_names),
    }
    out: dict[str, Any] = {}
    for key, (codes, names) in columns.items():
        members = {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}
        found = {
            name: {"n": len(mine), "mae": mae(age[mine], table.age[mine])}
            for name, mine in members.items()
            if len(mine)
        }
        if found:
            out[key] = found
    return out
