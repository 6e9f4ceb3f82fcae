"""Intervals that hold the share of faces they say: conformal calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from agekit.tasks.estimator.estimate import combine
from agekit.tasks.estimator.model import AgeEstimator

__all__ = ["conformal_margin"]


def conformal_margin(network: AgeEstimator, raw: Mapping[str, Tensor], age: Tensor) -> float:
    """The years by which intervals must be moved out to hold `network.level` of new faces.

    Conformalised quantile regression (Romano, Patterson and Candes, 2019, eq. 6-7): the empirical
    quantile, at ``(1 + 1/n) level``, of how far each true age lies outside its interval. A head
    without a distribution has the age itself for an interval, so the margin is then the quantile of
    its absolute errors.

    Args:
        network: its `level` is met.
        raw: raw outputs on held-out faces, (N, ...) by head.
        age: their true ages in years, (N,).
    """
    estimate = combine(list(network.per_head(raw).values()))
    outside = torch.maximum(estimate.low - age, age - estimate.high).sort().values
    n = len(outside)
    rank = min(math.ceil((n + 1) * network.level), n)
    return float(outside[rank - 1])
