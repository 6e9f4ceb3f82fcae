"""CEN (arXiv 1809.07447) eq. 14 and 15: what the shipped recipe makes a training step minimise."""

from __future__ import annotations

from math import log, nan

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from agekit.data.loader import Batch
from agekit.recipe import LossTerm, resolve
from agekit.registry import HEADS
from agekit.tasks.estimator.model import AgeEstimator
from agekit.tasks.estimator.step import CachedTeacher, EstimatorStep
from agekit.tasks.estimator.terms import build_term

AGES = (10, 12)


def network(logits, regressed):
    """A network that answers every image alike."""
    heads = {"ldl": HEADS.get("ldl")(3, AGES), "reg": HEADS.get("regression")(3, AGES)}
    for head in heads.values():
        nn.init.zeros_(head.fc.weight)
    with torch.no_grad():
        heads["ldl"].fc.bias.copy_(torch.tensor(logits))
        heads["reg"].fc.bias.fill_(regressed)
    return AgeEstimator(nn.Flatten(), heads, AGES)


def terms(key):
    evolver = resolve("cen-resnet10-tiny").recipe.evolver
    parsed = [LossTerm.model_validate(term) for term in evolver.arguments[key]]
    return [build_term(term) for term in parsed]


def batch(ages, rows):
    age = torch.tensor(ages, dtype=torch.float32)
    return Batch(torch.zeros(len(ages), 3, 1, 1), age, torch.full_like(age, nan), rows)


def take(step, data, lr=0.1):
    optimizer = torch.optim.SGD(step.network.parameters(), lr=lr)
    return step.train_step(data, OptimWrapper(optimizer))


def test_eq14_ancestor_cross_entropy_and_four_times_l1():
    net = network([0.0, log(2), 0.0], 0.5)
    data = batch([11, 12], torch.tensor([0, 1]))
    values = take(EstimatorStep(net, terms("ancestor")), data)
    ce = -(log(2 / 4) + log(1 / 4)) / 2
    l1 = (abs(0.5 - 0.5) + abs(0.5 - 1.0)) / 2
    assert values["cross-entropy"].item() == pytest.approx(ce)
    assert values["l1"].item() == pytest.approx(4 * l1)
    assert values["loss"].item() == pytest.approx(ce + 4 * l1)


def test_eq14_the_step_goes_down_its_gradient():
    net = network([0.0, log(2), 0.0], 0.25)
    take(EstimatorStep(net, terms("ancestor")), batch([11], torch.tensor([0])), lr=0.1)
    moved = [0 - 0.1 * 1 / 4, log(2) - 0.1 * (2 / 4 - 1), 0 - 0.1 * 1 / 4]
    assert net.heads["ldl"].fc.bias.tolist() == pytest.approx(moved)
    assert net.heads["reg"].fc.bias.item() == pytest.approx(0.25 + 0.1 * 4)


def test_eq15_offspring_evolved_distribution_and_four_times_slack():
    net = network([0.0, log(4), 0.0], 0.5)
    stored = CachedTeacher(
        {
            "ldl": torch.tensor([[0.0, log(16), 0.0], [9.0, 0.0, 0.0], [0.0, log(16), 0.0]]),
            "reg": torch.tensor([0.75, 9.0, 0.4]),
        }
    )
    data = batch([11, 12], torch.tensor([2, 0]))
    values = take(EstimatorStep(net, terms("offspring"), stored), data)
    kl = 2 * (1 / 6) * log((1 / 6) / (1 / 4)) + (4 / 6) * log((4 / 6) / (2 / 4))
    ce = -(log(4 / 6) + log(1 / 6)) / 2
    slack = [
        max(0.0, abs(0.5 - 0.5) - abs(0.4 - 0.5)),
        max(0.0, abs(0.5 - 1.0) - abs(0.75 - 1.0)),
    ]
    expected = (0.5 * kl + 0.5 * ce) + 4 * sum(slack) / 2
    assert values["evolved-ldl"].item() == pytest.approx(0.5 * kl + 0.5 * ce)
    assert values["slack-l1"].item() == pytest.approx(4 * sum(slack) / 2)
    assert values["loss"].item() == pytest.approx(expected)


def test_estimate_of_both_heads_is_their_mean():
    net = network([log(2), 0.0, 0.0], 0.25)
    raw = net(torch.zeros(1, 3, 1, 1))
    ldl, reg = (2 * 10 + 11 + 12) / 4, (12 - 10) * 0.25 + 10
    assert net.per_head(raw)["ldl"].age.item() == pytest.approx(ldl)
    assert net.per_head(raw)["reg"].age.item() == pytest.approx(reg)
    assert net.estimate(raw).age.item() == pytest.approx((ldl + reg) / 2)
