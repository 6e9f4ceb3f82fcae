"""An estimator over many faces: raw outputs, the calibration of its intervals, its metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agekit.bootstrap import mean_interval
from agekit.data.join import rows_by_dataset
from agekit.data.loader import Batch
from agekit.data.table import FaceTable
from agekit.tasks.estimator.estimate import Estimate, combine
from agekit.tasks.estimator.metrics import mae, of_part, per_age_bin, summary
from agekit.tasks.estimator.model import AgeEstimator
from agekit.training.faces import TrainingFaces
from agekit.zoo.config import ImageConfig

__all__ = [
    "conformal_correction",
    "fixed_outputs",
    "generation_metrics",
    "inference",
    "parts_of",
    "raw_outputs",
]

FEW = 100
"""Faces of a group below which their quantile is too much of chance to calibrate by."""


@torch.no_grad()
def raw_outputs(
    network: AgeEstimator,
    batches: Iterable[Batch],
    *,
    as_trained: bool = False,
    dtype: torch.dtype | None = None,
) -> dict[str, Tensor]:
    """Raw outputs by head for all faces, in order, float32, (N, ...), on the network's device.

    Args:
        network: is put in evaluation mode.
        batches: the faces.
        as_trained: as an offspring learns from them, without the mirror images.
        dtype: of autocast, or None for float32.
    """
    network.eval()
    ask = network if as_trained else network.forward_tta
    parts: list[dict[str, Tensor]] = []
    for batch in batches:
        with torch.autocast(batch.images.device.type, dtype, enabled=dtype is not None):
            parts.append(ask(batch.images))
    return {head: torch.cat([part[head].float() for part in parts]) for head in network.heads}


def inference(network: AgeEstimator) -> tuple[Callable[[Tensor], Estimate], AgeEstimator]:
    """From normalised images (N, 3, S, S) to ages, the mirror images too where it looks at them."""
    return lambda images: network.estimate(network.forward_tta(images)), network


def fixed_outputs(network: AgeEstimator, pictures: Tensor, image: ImageConfig) -> dict[str, Tensor]:
    """Age and interval of each picture, years, (N,) each, for `agekit.zoo.check`.

    Args:
        network: in evaluation mode, on the CPU.
        pictures: (N, S, S, 3) uint8.
        image: how they are normalised; they are not cropped.
    """
    batch = (pictures / 255 - torch.tensor(image.mean)) / torch.tensor(image.std)
    batch = batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    estimate = network.estimate(network.forward_tta(batch))
    return {"age": estimate.age, "low": estimate.low, "high": estimate.high}


def conformal_correction(
    network: AgeEstimator,
    raw: Mapping[str, Tensor],
    age: Tensor,
    groups: Iterable[NDArray[np.int64]] = (),
) -> float:
    """The years by which intervals must be moved out to hold `network.level` of new faces.

    Of all of them, and of each group: the largest correction that one of these asks for.
    Conformalised quantile regression (Romano, Patterson and Candes, 2019, eq. 6-7): the empirical
    quantile, at ``(1 + 1/n) level``, of how far each true age lies outside its interval. A head
    without a distribution has the age itself for an interval, so the correction is then the
    quantile of its absolute errors.

    Args:
        network: its `level` is met.
        raw: raw outputs on held-out faces, (N, ...) by head.
        age: their true ages in years, (N,).
        groups: the rows of each, such as of a dataset; those of fewer than `FEW` are not asked.
    """
    estimate = combine(list(network.per_head(raw).values()))
    outside = torch.maximum(estimate.low - age, age - estimate.high)
    asked = [outside, *(outside[rows] for rows in groups if len(rows) >= FEW)]
    ranks = [min(math.ceil((len(one) + 1) * network.level), len(one)) for one in asked]
    return max(float(one.sort().values[k - 1]) for one, k in zip(asked, ranks, strict=True))


def generation_metrics(
    network: AgeEstimator, raw: Mapping[str, Tensor], faces: TrainingFaces, split: str
) -> dict[str, Any]:
    """Scalar metrics; MAE by head; MAE, bias and coverage by age, gender, group and dataset.

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
        true, sigma = table.age[mine], table.sigma[mine]
        figures = summary(age[mine], true, sigma=sigma, low=low[mine], high=high[mine])
        out: dict[str, Any] = {"n": len(mine), **figures}
        if split == "test":
            out["mae_interval"] = mean_interval(np.abs(age[mine] - true), seed=0)
        out["by_age"] = per_age_bin(age[mine], true, low=low[mine], high=high[mine])
        for key, named in parts_of(table.take(mine)).items():
            if key != "by_dataset":
                out[key] = {name: part(mine[which]) for name, which in named.items()}
        return out

    def part(mine: NDArray[np.int64]) -> dict[str, Any]:
        return of_part(age[mine], table.age[mine], low[mine], high[mine])

    out = errors(np.arange(len(rows)))
    if members := parts_of(table).get("by_dataset"):
        out["by_dataset"] = {name: errors(mine) for name, mine in members.items()}
    heads = network.per_head(raw)
    if len(heads) > 1:
        out["mae_by_head"] = {
            name: mae(head.age.cpu().numpy(), table.age) for name, head in heads.items()
        }
    return out


def parts_of(table: FaceTable) -> dict[str, dict[str, NDArray[np.int64]]]:
    """The rows of each gender, each group and, of several, each dataset that has some.

    Returns:
        ``by_gender``, ``by_group``, ``by_dataset``, those that there are → name → rows.
    """
    columns = {
        "by_gender": (table.gender, ("male", "female")),
        "by_group": (table.group, table.group_names),
    }
    found = {
        key: {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}
        for key, (codes, names) in columns.items()
    } | {"by_dataset": rows_by_dataset(table)}
    kept = {
        key: {k: rows for k, rows in named.items() if len(rows)} for key, named in found.items()
    }
    return {key: named for key, named in kept.items() if named}
