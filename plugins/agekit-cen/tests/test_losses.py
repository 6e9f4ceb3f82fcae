"""CEN (arXiv 1809.07447) eq. 5-7 and 10-13, on the ages 10, 11, 12."""

from __future__ import annotations

from math import log, nan

import pytest
import torch
from agekit_cen.losses import EvolvedLDL, SlackL1

from agekit.errors import ConfigError
from agekit.tasks.estimator.target import Target

ANCESTOR = torch.tensor([[0.0, log(4), 0.0]])
"""At temperature 2: (1, 2, 1) / 4."""
EVEN = torch.zeros(1, 3)
"""At any temperature: (1, 1, 1) / 3."""
ENTROPY = 2 * 0.25 * log(4) + 0.5 * log(2)
"""Of (1, 2, 1) / 4."""


def target(*ages):
    return Target(torch.tensor(ages, dtype=torch.float32), torch.full((len(ages),), nan), (10, 12))


def test_eq05_divergence_from_the_ancestor():
    kl = 0.25 * log(0.25 * 3) + 0.5 * log(0.5 * 3) + 0.25 * log(0.25 * 3)
    loss = EvolvedLDL(alpha=1, tau=2)(EVEN, target(11), teacher=ANCESTOR)
    assert loss.item() == pytest.approx(kl)


def test_eq05_is_zero_where_the_offspring_agrees():
    loss = EvolvedLDL(alpha=1, tau=2)(ANCESTOR + 7, target(11), teacher=ANCESTOR)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_eq06_differs_from_eq05_by_the_ancestors_entropy():
    eq06 = -(0.25 * log(1 / 3) + 0.5 * log(1 / 3) + 0.25 * log(1 / 3))
    eq05 = EvolvedLDL(alpha=1, tau=2)(EVEN, target(11), teacher=ANCESTOR).item()
    assert eq05 == pytest.approx(eq06 - ENTROPY)


def test_eq06_has_the_gradient_of_eq05():
    raw = EVEN.clone().requires_grad_()
    EvolvedLDL(alpha=1, tau=2)(raw, target(11), teacher=ANCESTOR).backward()
    by_hand = [(1 / 3 - 0.25) / 2, (1 / 3 - 0.5) / 2, (1 / 3 - 0.25) / 2]
    assert raw.grad.tolist()[0] == pytest.approx(by_hand)
    other = EVEN.clone().requires_grad_()
    inherited = torch.softmax(ANCESTOR / 2, -1)
    (-(inherited * torch.log_softmax(other / 2, -1)).sum()).backward()
    torch.testing.assert_close(raw.grad, other.grad)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_eq07_mixes_divergence_and_cross_entropy(alpha):
    kl, ce = log(3) - ENTROPY, log(3)
    loss = EvolvedLDL(alpha=alpha, tau=2)(EVEN, target(12), teacher=ANCESTOR)
    assert loss.item() == pytest.approx(alpha * kl + (1 - alpha) * ce)


def test_eq07_takes_the_cross_entropy_at_temperature_one():
    loss = EvolvedLDL(alpha=0, tau=5)(ANCESTOR, target(11), teacher=EVEN)
    assert loss.item() == pytest.approx(-log(4 / 6))


def test_eq07_is_the_mean_over_the_batch():
    raw, ancestor = torch.cat([EVEN, ANCESTOR]), torch.cat([ANCESTOR, ANCESTOR])
    both = EvolvedLDL()(raw, target(10, 11), teacher=ancestor)
    one = (
        EvolvedLDL()(EVEN, target(10), teacher=ANCESTOR),
        EvolvedLDL()(ANCESTOR, target(11), teacher=ANCESTOR),
    )
    assert both.item() == pytest.approx((one[0].item() + one[1].item()) / 2)


def test_tau_squared_is_distillations_usual_factor():
    plain = EvolvedLDL(alpha=1, tau=2)(EVEN, target(11), teacher=ANCESTOR).item()
    scaled = EvolvedLDL(alpha=1, tau=2, tau_squared=True)(EVEN, target(11), teacher=ANCESTOR).item()
    assert scaled == pytest.approx(4 * plain)


@pytest.mark.parametrize("inherited", [0.6, 0.4])
def test_eq10_slack_is_the_ancestors_error(inherited):
    slack = abs(inherited - 0.5)
    loss = SlackL1()(torch.tensor([0.9]), target(11), teacher=torch.tensor([inherited]))
    assert loss.item() == pytest.approx(abs(0.9 - 0.5) - slack)


@pytest.mark.parametrize(
    ("own", "gradient"), [(0.35, 0), (0.65, 0), (0.5, 0), (0.9, 1), (0.1, -1), (0.71, 1)]
)
def test_eq11_no_gradient_within_the_interval(own, gradient):
    """y = 0.5 and s_{t-1} = 0.7: the interval is 0.3 to 0.7."""
    raw = torch.tensor([own], requires_grad=True)
    SlackL1()(raw, target(11), teacher=torch.tensor([0.7])).backward()
    assert raw.grad.item() == gradient


@pytest.mark.parametrize("own", [0.3, 0.45, 0.7])
def test_eq12_error_of_at_most_the_slack_costs_nothing(own):
    assert abs(own - 0.5) - abs(0.7 - 0.5) <= 1e-9
    loss = SlackL1()(torch.tensor([own]), target(11), teacher=torch.tensor([0.7]))
    assert loss.item() == pytest.approx(0, abs=1e-7)


def test_eq13_mean_of_what_exceeds_the_slack():
    own, inherited = torch.tensor([0.9, 0.0, 0.8]), torch.tensor([0.6, 0.25, 1.0])
    excess = [
        max(0.0, abs(0.9 - 0.5) - abs(0.6 - 0.5)),
        max(0.0, abs(0.0 - 0.0) - abs(0.25 - 0.0)),
        max(0.0, abs(0.8 - 1.0) - abs(1.0 - 1.0)),
    ]
    assert SlackL1()(own, target(11, 10, 12), teacher=inherited).item() == pytest.approx(
        sum(excess) / 3
    )


@pytest.mark.parametrize("wrong", [{"alpha": -0.1}, {"alpha": 1.5}, {"tau": 0.0}, {"tau": nan}])
def test_senseless_hyper_parameters_are_refused(wrong):
    with pytest.raises(ConfigError, match="alpha must be from 0 to 1 and tau above 0"):
        EvolvedLDL(**wrong)
