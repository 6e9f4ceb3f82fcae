"""Posterior (Zhang et al., 2017): the head's two layers and the two terms it learns by."""

from __future__ import annotations

from math import exp, log, nan

import pytest
import torch
from agekit_ldl.losses import AgeComparison, PosteriorCrossEntropy
from agekit_ldl.posterior import PosteriorHead

from agekit.errors import ConfigError
from agekit.tasks.estimator.target import Target

BOTH = (AgeComparison(), PosteriorCrossEntropy())


def target(*ages, span):
    return Target(torch.tensor(ages, dtype=torch.float32), torch.full((len(ages),), nan), span)


def test_the_distribution_is_weighed_from_the_comparisons():
    head = PosteriorHead(1, (10, 12))
    with torch.no_grad():
        head.compare.weight.copy_(torch.tensor([[0.0], [1.0]]))
        head.compare.bias.zero_()
        head.weigh.weight.copy_(torch.tensor([[4.0, 0.0], [0.0, 4.0], [2.0, 2.0]]))
        head.weigh.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    raw = head(torch.tensor([[log(3)]]))
    b = (1 / 2, 3 / 4)
    assert raw.tolist()[0] == pytest.approx(
        [0.0, log(3), 4 * b[0], 4 * b[1] + 1, 2 * b[0] + 2 * b[1]]
    )
    estimate = head.estimate(raw, "expectation", 0.9)
    total = exp(2) + exp(4) + exp(2.5)
    p = [exp(2) / total, exp(4) / total, exp(2.5) / total]
    assert estimate.distribution.tolist()[0] == pytest.approx(p)
    assert estimate.age.item() == pytest.approx(10 * p[0] + 11 * p[1] + 12 * p[2])
    assert estimate.low <= estimate.age <= estimate.high


def test_the_median_rule_of_the_posterior():
    raw = torch.tensor([[9.0, -9.0, log(1), log(2), log(1)]])
    assert PosteriorHead(1, (10, 12)).estimate(raw, "median", 0.5).age.item() == pytest.approx(11)


def comparisons(*logits, labels):
    return torch.tensor([[*logits, *[0.0] * labels]])


def test_comparisons_with_ages_too_close_to_call_do_not_count():
    raw = comparisons(*[log(3)] * 6, labels=7)
    older, younger = (0.75 - 1) ** 2, (0.75 - 0) ** 2
    for gap, expected in ((3, older), (2, 2 * older + younger), (4, 0)):
        loss = AgeComparison(gap=gap)(raw, target(13, span=(10, 16)))
        assert loss.item() == pytest.approx(expected), gap


def test_every_comparison_counts_without_a_gap():
    raw = comparisons(0.0, log(3), 0.0, labels=4)
    loss = AgeComparison(gap=0)(raw, target(11, span=(10, 13)))
    assert loss.item() == pytest.approx((0.5 - 1) ** 2 + (0.75 - 0) ** 2 + (0.5 - 0) ** 2)


def test_comparisons_of_a_batch_are_averaged():
    raw = comparisons(*[log(3)] * 6, labels=7).repeat(2, 1)
    loss = AgeComparison()(raw, target(13, 10, span=(10, 16)))
    at_13 = (0.75 - 1) ** 2
    at_10 = 3 * (0.75 - 0) ** 2
    assert loss.item() == pytest.approx((at_13 + at_10) / 2)


def test_cross_entropy_to_the_gaussian():
    t = [exp(0), exp(-1 / 8), exp(-4 / 8)]
    total = sum(t)
    expected = -sum(v / total * log(p) for v, p in zip(t, (1 / 4, 2 / 4, 1 / 4), strict=True))
    raw = torch.tensor([[5.0, -5.0, log(1), log(2), log(1)]])
    loss = PosteriorCrossEntropy(sigma=2.0)(raw, target(10, span=(10, 12)))
    assert loss.item() == pytest.approx(expected)


def test_both_terms_reach_the_features():
    torch.manual_seed(0)
    head = PosteriorHead(8, (16, 77))
    for loss in BOTH:
        features = torch.randn(3, 8, requires_grad=True)
        loss(head(features), target(16, 40.4, 77, span=(16, 77))).backward()
        assert (features.grad.abs().sum(-1) > 0).all()
        assert features.grad.isfinite().all()


@pytest.mark.parametrize("loss", BOTH, ids=lambda x: type(x).__name__)
def test_posterior_terms_keep_to_float32_and_off_the_host(loss):
    value = loss(torch.full((1, 5), 30000.0).half(), target(11, span=(10, 12)))
    assert value.dtype == torch.float32
    assert value.isfinite()
    blank = Target(torch.empty(4, device="meta"), torch.empty(4, device="meta"), (10, 12))
    assert loss(torch.empty(4, 5, device="meta"), blank).shape == ()


@pytest.mark.parametrize("loss", BOTH, ids=lambda x: type(x).__name__)
def test_the_output_of_an_ldl_head_is_refused(loss):
    with pytest.raises(RuntimeError):
        loss(torch.zeros(1, 3), target(11, span=(10, 12)))


def test_posterior_arguments_that_mean_nothing_are_refused():
    for gap in (-1.0, nan):
        with pytest.raises(ConfigError, match="gap must not be below 0"):
            AgeComparison(gap=gap)
    for sigma in (0.0, nan):
        with pytest.raises(ConfigError, match="sigma must be above 0"):
            PosteriorCrossEntropy(sigma=sigma)
