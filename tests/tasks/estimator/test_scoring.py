from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from agekit.data.loader import Batch
from agekit.tasks.estimator.base import Head
from agekit.tasks.estimator.estimate import Estimate
from agekit.tasks.estimator.metrics import coverage
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.scoring import conformal_correction, raw_outputs


class Guess(Head):
    """Raw output: an age, and how wide a distribution around it is thought to be."""

    def forward(self, features):
        return features

    def estimate(self, raw, rule, level):
        age, half = raw[:, 0], raw[:, 1]
        return Estimate(age, age - half, age + half)


def network(level):
    return AgeEstimator(nn.Identity(), {"guess": Guess(2, (0, 120))}, (0, 120), level=level)


def faces(n, half, seed):
    random = torch.Generator().manual_seed(seed)
    true = 30 + 60 * torch.rand(n, generator=random)
    age = true + 4 * torch.randn(n, generator=random)
    return {"guess": torch.stack([age, torch.full((n,), half)], 1)}, true


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("half", [0.0, 3.0, 15.0])
def test_intervals_hold_their_share_of_fresh_faces(level, half):
    net = network(level)
    net.correction = conformal_correction(net, *faces(2000, half, seed=1))
    raw, true = faces(20000, half, seed=2)
    estimate = net.estimate(raw)
    assert coverage(estimate.low, estimate.high, true) == pytest.approx(level, abs=0.025)


def test_margin_is_the_quantile_of_the_errors_by_hand():
    """|errors| 1, 2, 3, 4: the ceil(5 * 0.5) = third."""
    raw = {"guess": torch.tensor([[31.0, 0.0], [28.0, 0.0], [33.0, 0.0], [26.0, 0.0]])}
    assert conformal_correction(network(0.5), raw, torch.full((4,), 30.0)) == 3.0


def test_too_wide_an_interval_has_a_negative_margin():
    raw = {"guess": torch.tensor([[31.0, 10.0], [28.0, 10.0], [33.0, 10.0]])}
    assert conformal_correction(network(0.5), raw, torch.full((3,), 30.0)) == 2.0 - 10.0


def test_few_faces_take_the_largest_error():
    raw = {"guess": torch.tensor([[31.0, 0.0], [25.0, 0.0]])}
    assert conformal_correction(network(0.9), raw, torch.full((2,), 30.0)) == 5.0


def test_autocast_reaches_the_network_and_leaves_float32():
    """1 + 2^-9 is 1 in bfloat16, which has seven bits."""
    net = AgeEstimator(nn.Linear(2, 2, bias=False), {"guess": Guess(2, (0, 120))}, (0, 120))
    with torch.no_grad():
        net.backbone.weight.copy_(torch.eye(2))
    one = torch.full((1, 2), 1 + 2**-9)
    batch = Batch(one, torch.zeros(1), torch.zeros(1), torch.zeros(1, dtype=torch.int64))
    exact = raw_outputs(net, [batch])["guess"]
    rounded = raw_outputs(net, [batch], dtype=torch.bfloat16)["guess"]
    assert exact.tolist() == one.tolist()
    assert rounded.dtype == torch.float32 and rounded.tolist() == [[1.0, 1.0]]


def test_intervals_hold_their_share_of_each_group():
    sure, unsure = faces(2000, 3.0, seed=1), faces(500, 3.0, seed=2)
    unsure[0]["guess"][:, 0] += 6 * torch.randn(500, generator=torch.Generator().manual_seed(3))
    raw = {"guess": torch.cat([sure[0]["guess"], unsure[0]["guess"]])}
    age = torch.cat([sure[1], unsure[1]])
    rows = [np.arange(2000), np.arange(2000, 2500)]
    net = network(0.9)
    pooled = conformal_correction(net, raw, age)
    alone = conformal_correction(net, *unsure)
    assert conformal_correction(net, raw, age, rows) == alone > pooled
    assert conformal_correction(net, raw, age, [rows[0], rows[1][:99]]) == pooled
