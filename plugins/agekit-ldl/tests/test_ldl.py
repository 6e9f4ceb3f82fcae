"""CEN (arXiv 1809.07447) eq. 2, 3, 4 and 16, and the Gaussian loss, on the ages 10, 11, 12."""

from __future__ import annotations

from math import exp, inf, log, nan

import pytest
import torch
from agekit_ldl.head import LDLHead
from agekit_ldl.losses import CrossEntropy, GaussianLDL

from agekit.errors import ConfigError
from agekit.tasks.estimator.target import Target

AGES = (10, 12)


def target(*ages, sigma=None):
    spread = [nan] * len(ages) if sigma is None else sigma
    return Target(torch.tensor(ages, dtype=torch.float32), torch.tensor(spread), AGES)


def logits(*rows):
    return torch.tensor([[log(v) for v in row] for row in rows])


def test_eq02_logits_are_linear_in_the_feature():
    head = LDLHead(2, AGES)
    with torch.no_grad():
        head.fc.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.0]]))
        head.fc.bias.copy_(torch.tensor([0.5, 0.0, 1.0]))
    z = head(torch.tensor([[3.0, 4.0]]))
    assert z.tolist() == [[1 * 3 + 2 * 4 + 0.5, 0 * 3 + 1 * 4 + 0.0, -1 * 3 + 0 * 4 + 1.0]]


@pytest.mark.parametrize(("tau", "p"), [(1.0, [1 / 6, 4 / 6, 1 / 6]), (2.0, [1 / 4, 2 / 4, 1 / 4])])
def test_eq03_temperature_softens_the_distribution(tau, p):
    estimate = LDLHead(2, AGES, temperature=tau).estimate(logits([1, 4, 1]), "expectation", 0.9)
    assert estimate.distribution.tolist()[0] == pytest.approx(p)


def test_eq04_cross_entropy_to_the_one_hot_age():
    raw = logits([1, 4, 1], [1, 4, 1])
    assert CrossEntropy()(raw, target(11, 12)).item() == pytest.approx(
        -(log(4 / 6) + log(1 / 6)) / 2
    )


def test_eq04_is_of_the_logits_alone_whatever_their_scale():
    shifted = logits([1, 4, 1]) + 1000
    assert CrossEntropy()(shifted, target(11)).item() == pytest.approx(-log(4 / 6), abs=1e-4)


def test_eq16_expected_age():
    estimate = LDLHead(2, AGES).estimate(logits([2, 1, 1]), "expectation", 0.9)
    assert estimate.age.item() == pytest.approx((2 * 10 + 1 * 11 + 1 * 12) / 4)


def test_the_median_rule():
    estimate = LDLHead(2, AGES).estimate(logits([1, 2, 1]), "median", 0.5)
    assert estimate.age.item() == pytest.approx(11)
    assert estimate.low.item() == pytest.approx(10.5)
    assert estimate.high.item() == pytest.approx(11.5)


def test_the_interval_holds_the_expected_age_of_a_lopsided_distribution():
    head = LDLHead(2, (0, 100))
    raw = torch.full((1, 101), -50.0)
    raw[0, 0], raw[0, 100] = 3.0, 0.0
    estimate = head.estimate(raw, "expectation", 0.1)
    assert estimate.low <= estimate.age <= estimate.high


@pytest.mark.parametrize("temperature", [0.0, -1.0, nan])
def test_no_temperature_of_zero(temperature):
    with pytest.raises(ConfigError, match="temperature must be above 0"):
        LDLHead(2, AGES, temperature=temperature)


def test_gaussian_target_by_hand():
    t = [1.0, exp(-((11 - 10) ** 2) / 8), exp(-((12 - 10) ** 2) / 8)]
    t = [v / sum(t) for v in t]
    expected = sum(v * log(v / p) for v, p in zip(t, [1 / 6, 4 / 6, 1 / 6], strict=True))
    loss = GaussianLDL(sigma=2.0)(logits([1, 4, 1]), target(10))
    assert loss.item() == pytest.approx(expected)


def test_gaussian_is_zero_at_its_own_target():
    t = [exp(-0.5), 1.0, exp(-0.5)]
    assert GaussianLDL(sigma=1.0)(logits(t), target(11)).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("unknown", [nan, 0.0])
def test_a_face_without_a_sigma_takes_the_recipes(unknown):
    raw = logits([1, 4, 1], [3, 1, 1])
    alone = [GaussianLDL(sigma=s)(raw[k : k + 1], target(10 + k)) for k, s in ((0, 2.0), (1, 0.7))]
    both = GaussianLDL(sigma=2.0)(raw, target(10, 11, sigma=[unknown, 0.7]))
    assert both.item() == pytest.approx(sum(x.item() for x in alone) / 2)


def test_annotated_sigmas_are_ignored_on_request():
    raw = logits([1, 4, 1])
    loss = GaussianLDL(sigma=2.0, annotated=False)
    assert loss(raw, target(10, sigma=[0.7])) == loss(raw, target(10))


def test_gaussian_gradient_is_finite_with_unknown_sigmas():
    raw = logits([1, 4, 1]).requires_grad_()
    GaussianLDL()(raw, target(10)).backward()
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("sigma", [0.0, -2.0, nan])
def test_no_sigma_of_zero(sigma):
    with pytest.raises(ConfigError, match="sigma must be above 0"):
        GaussianLDL(sigma=sigma)


def test_losses_of_half_precision_outputs_are_float32():
    raw = torch.tensor([[0.0, inf, 0.0]]).clamp(max=30000).half()
    for loss in (CrossEntropy(), GaussianLDL()):
        assert loss(raw, target(11)).dtype == torch.float32


def test_adjusted_logits_are_linear_between_ages_and_constant_beyond():
    head = LDLHead(2, (10, 14), adjust={"11": 0, "13": log(4)})
    p = head.estimate(logits([1, 1, 1, 1, 1]), "expectation", 0.9).distribution
    assert p.tolist()[0] == pytest.approx([1 / 12, 1 / 12, 2 / 12, 4 / 12, 4 / 12])
    assert "shift" not in head.state_dict() and head(torch.zeros(1, 2)).shape == (1, 5)
    plain = LDLHead(2, (10, 14)).estimate(logits([1, 1, 1, 1, 1]), "median", 0.9)
    assert head.estimate(logits([1, 1, 1, 1, 1]), "median", 0.9).age > plain.age


@pytest.mark.parametrize(
    "adjust", [{}, {"old": 1}, {"50": "much"}, 0.3, {"50": inf}, {"50": 1, "50.0": 2}, {"inf": 1}]
)
def test_an_adjustment_that_is_none_is_refused(adjust):
    with pytest.raises(ConfigError, match="ldl: adjust"):
        LDLHead(2, AGES, adjust=adjust)
