"""The losses of DLDL-v2, mean-variance, SORD and unimodal-concentrated, worked out by hand."""

from __future__ import annotations

from math import exp, inf, log, nan

import pytest
import torch
from agekit_ldl import losses
from agekit_ldl.label_noise import LabelNoise
from agekit_ldl.losses import SORD, Concentration, ExpectationL1, Mean, Unimodal, Variance

from agekit.errors import ConfigError
from agekit.tasks.estimator.target import Target

ON_LDL = (
    *(losses.CrossEntropy(), losses.GaussianLDL(), ExpectationL1(), Mean(), Variance()),
    *(SORD(), SORD(phi="squared"), Concentration(), Unimodal()),
)
EVEN = (1, 4, 1)
"""In sixths: mean 11, variance (1 + 0 + 1) / 6."""
SLOPE = (2, 1, 1)
"""In quarters: mean (2 * 10 + 11 + 12) / 4 = 10.75, variance
(2 * 0.75**2 + 0.25**2 + 1.25**2) / 4 = 0.6875."""


def target(*ages, span=(10, 12)):
    return Target(torch.tensor(ages, dtype=torch.float32), torch.full((len(ages),), nan), span)


def logits(*rows):
    return torch.tensor([[log(v) for v in row] for row in rows])


def test_expectation_l1_is_in_years():
    loss = ExpectationL1()(logits(EVEN, SLOPE), target(12, 10))
    assert loss.item() == pytest.approx((abs(11 - 12) + abs(10.75 - 10)) / 2)


def test_mean_is_half_the_squared_error_of_the_expectation():
    loss = Mean()(logits(EVEN, SLOPE), target(12, 10))
    assert loss.item() == pytest.approx((1**2 / 2 + 0.75**2 / 2) / 2)


def test_variance_is_of_the_distribution_whatever_the_age():
    raw = logits(EVEN, SLOPE)
    assert Variance()(raw, target(12, 10)).item() == pytest.approx((1 / 3 + 0.6875) / 2)
    assert Variance()(raw, target(10, 11)) == Variance()(raw, target(12, 10))


def test_sord_by_the_distance():
    total = exp(0) + exp(-1) + exp(-2)
    t = [exp(0) / total, exp(-1) / total, exp(-2) / total]
    expected = -(t[0] * log(2 / 4) + t[1] * log(1 / 4) + t[2] * log(1 / 4))
    assert SORD()(logits(SLOPE), target(10)).item() == pytest.approx(expected)


def test_sord_by_the_squared_distance():
    total = exp(0) + exp(-1) + exp(-4)
    t = [exp(0) / total, exp(-1) / total, exp(-4) / total]
    expected = -(t[0] * log(2 / 4) + t[1] * log(1 / 4) + t[2] * log(1 / 4))
    loss = SORD(phi="squared")(logits(SLOPE), target(10))
    assert loss.item() == pytest.approx(expected)


BY_AGE = {"10": 1.5, "0": 1, "30": 4, "50": 5}


def test_label_noise_is_linear_between_ages_and_constant_beyond():
    ages = torch.tensor([-3.0, 0.0, 5.0, 10.0, 20.0, 30.0, 31.0, 50.0, 90.0])
    wanted = torch.tensor([1, 1, 1.25, 1.5, 2.75, 4, 4.05, 5, 5])
    torch.testing.assert_close(LabelNoise(BY_AGE, "x")(ages), wanted)
    torch.testing.assert_close(LabelNoise({"30": 4}, "x")(ages), torch.full((9,), 4.0))
    torch.testing.assert_close(LabelNoise(2.5, "x")(ages), torch.full((9,), 2.5))
    assert LabelNoise(BY_AGE, "x").state_dict() == {}


@pytest.mark.parametrize(
    "sigma", [0, -1, nan, inf, {}, {"x": 1}, {"0": 0}, {"0": nan}, {"0": 1, "0.0": 2}, {"nan": 1},
              {"0": "wide"}, {"0": None}]
)  # fmt: skip
def test_label_noise_that_is_none_is_refused(sigma):
    for loss in (SORD, losses.GaussianLDL):
        with pytest.raises(ConfigError, match="sigma must"):
            loss(sigma=sigma)


@pytest.mark.parametrize(("phi", "scale"), [("absolute", 2**0.5 / 4), ("squared", 1 / 32)])
def test_sord_by_a_standard_deviation(phi, scale):
    distance = torch.tensor([0.0, 1.0, 2.0]) if phi == "absolute" else torch.tensor([0.0, 1.0, 4.0])
    labels = torch.softmax(-distance * scale, 0)
    expected = -(labels * torch.tensor([log(1 / 2), log(1 / 4), log(1 / 4)])).sum()
    for sigma in (4.0, {"10": 4, "20": 9}):
        loss = SORD(phi=phi, sigma=sigma)(logits(SLOPE), target(10))
        assert loss.item() == pytest.approx(expected.item())
    wide = target(40, span=(0, 80))
    raw = torch.zeros(1, 81, requires_grad=True)
    SORD(phi=phi, sigma={"30": 3, "50": 5})(raw, wide).backward()
    labels = 1 / 81 - raw.grad[0]
    spread = (labels * (wide.labels - 40) ** 2).sum().sqrt().item()
    assert spread == pytest.approx(4, rel=0.02)


def test_a_gaussian_as_wide_as_the_age_says_but_for_annotated_faces():
    raw = torch.randn(3, 81, generator=torch.Generator().manual_seed(0))
    wide = Target(torch.tensor([0.0, 40, 40]), torch.tensor([nan, nan, 2.0]), (0, 80))
    loss = losses.GaussianLDL(sigma={"0": 1, "40": 5})
    alone = [
        losses.GaussianLDL(sigma=sigma)(raw[k : k + 1], wide.take(torch.tensor([k])))
        for k, sigma in enumerate((1.0, 5.0, 9.0))
    ]
    assert loss(raw, wide).item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)


def test_sord_is_least_at_its_own_labels():
    raw = torch.tensor([[-1.0, 0.0, -1.0]], requires_grad=True)
    SORD()(raw, target(11)).backward()
    assert raw.grad.abs().max() < 1e-7


def test_concentration_weighs_the_error_by_the_variance():
    expected = [
        log(1 / 3) / 2 + 1**2 / (2 * (1 / 3)),
        log(0.6875) / 2 + 0.75**2 / (2 * 0.6875),
    ]
    loss = Concentration()(logits(EVEN, SLOPE), target(12, 10))
    assert loss.item() == pytest.approx(sum(expected) / 2)


def test_concentration_of_a_certain_network_is_bounded():
    certain = torch.tensor([[0.0, 0.0, 200.0]], requires_grad=True)
    loss = Concentration(floor=0.01)(certain, target(11))
    assert loss.item() == pytest.approx(log(0.01) / 2 + 1**2 / (2 * 0.01))
    loss.backward()
    assert certain.grad.isfinite().all()


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (10, 0.0 + 0.1 + 0.1),
        (11, 0.3 + 0.1 + 0.1),
        (12, 0.3 + 0.0 + 0.1),
        (13, 0.3 + 0.0 + 0.0),
    ],
)
def test_unimodal_counts_falls_before_the_age_and_rises_after_it(age, expected):
    raw = logits((0.4, 0.1, 0.2, 0.3))
    loss = Unimodal()(raw, target(age, span=(10, 13)))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_unimodal_is_the_batch_mean():
    raw = logits((0.4, 0.1, 0.2, 0.3), (0.1, 0.2, 0.4, 0.3))
    loss = Unimodal()(raw, target(11, 12, span=(10, 13)))
    assert loss.item() == pytest.approx((0.5 + 0.0) / 2)


@pytest.mark.parametrize("loss", ON_LDL, ids=lambda x: type(x).__name__)
def test_gradients_flow_for_any_label_ages(loss):
    torch.manual_seed(0)
    raw = torch.randn(3, 62, requires_grad=True)
    loss(raw, target(16.0, 40.4, 77.0, span=(16, 77))).backward()
    assert raw.grad.isfinite().all()
    assert (raw.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize("loss", ON_LDL, ids=lambda x: type(x).__name__)
def test_half_precision_is_computed_in_float32(loss):
    raw = torch.tensor([[0.0, inf, 0.0]]).clamp(max=30000).half()
    value = loss(raw, target(11))
    assert value.dtype == torch.float32
    assert value.isfinite()


@pytest.mark.parametrize("loss", ON_LDL, ids=lambda x: type(x).__name__)
def test_no_value_is_needed_on_the_host(loss):
    blank = Target(torch.empty(4, device="meta"), torch.empty(4, device="meta"), (10, 12))
    assert loss(torch.empty(4, 3, device="meta"), blank).shape == ()


@pytest.mark.parametrize("loss", ON_LDL, ids=lambda x: type(x).__name__)
def test_output_of_another_head_is_refused(loss):
    for raw in (torch.zeros(2, 5), torch.zeros(3)):
        with pytest.raises(ValueError, match="it needs logits over 3 label ages"):
            loss(raw, target(10, 11))


def test_arguments_that_mean_nothing_are_refused():
    with pytest.raises(ConfigError, match="phi must be absolute or squared"):
        SORD(phi="cubic")
    for floor in (0.0, -1.0, nan):
        with pytest.raises(ConfigError, match="floor must be above 0"):
            Concentration(floor=floor)
