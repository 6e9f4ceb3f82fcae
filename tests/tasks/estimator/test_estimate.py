from __future__ import annotations

import pytest
import torch

from agekit.tasks.estimator.base import Head
from agekit.tasks.estimator.estimate import (
    Estimate,
    combine,
    expectation,
    posterior_median,
    quantile,
)
from agekit.tasks.estimator.model import AgeEstimator

AGES = torch.arange(20.0, 24.0)
P = torch.tensor([[0.1, 0.4, 0.3, 0.2]])


def estimate(age, low, high, p=None):
    return Estimate(
        torch.tensor([age]),
        torch.tensor([low]),
        torch.tensor([high]),
        None if p is None else torch.tensor([p]),
    )


def test_eq16_expectation():
    by_hand = 0.1 * 20 + 0.4 * 21 + 0.3 * 22 + 0.2 * 23
    assert expectation(P, AGES).item() == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("q", "age"),
    [
        (0.0, 19.5),
        (0.05, 19.5 + 0.05 / 0.1),
        (0.1, 20.5),
        (0.5, 20.5 + (0.5 - 0.1) / 0.4),
        (0.65, 21.5 + (0.65 - 0.5) / 0.3),
        (1.0, 23.5),
    ],
)
def test_quantile_by_hand(q, age):
    assert quantile(P, AGES, q).item() == pytest.approx(age, abs=1e-4)


def test_median_is_the_half_quantile():
    assert posterior_median(P, AGES).item() == pytest.approx(21.5, abs=1e-5)
    assert posterior_median(torch.tensor([[0.0, 0.0, 1.0, 0.0]]), AGES).item() == 22


def test_quantile_rises_with_the_share():
    p = torch.softmax(torch.randn(20, 50, generator=torch.Generator().manual_seed(0)) * 3, -1)
    ages = torch.arange(50.0)
    found = torch.stack([quantile(p, ages, q / 100) for q in range(1, 100)])
    assert (found.diff(dim=0) >= -1e-4).all()
    assert ((found >= -0.5) & (found <= 49.5)).all()


def test_quantile_is_continuous_in_the_distribution():
    z = torch.randn(1, 30, generator=torch.Generator().manual_seed(1))
    turn = torch.randn(1, 30, generator=torch.Generator().manual_seed(2))
    steps = torch.linspace(0, 1, 2001)[:, None]
    p = torch.softmax(z + steps * turn, -1)
    assert posterior_median(p, torch.arange(30.0)).diff().abs().max() < 0.02


def test_eq18_mean_of_both():
    ldl, reg = estimate(30.0, 25.0, 36.0, [0.5, 0.5]), estimate(33.0, 33.0, 33.0)
    both = combine([ldl, reg])
    assert both.age.item() == (30.0 + 33.0) / 2
    assert (both.low.item(), both.high.item()) == (25.0, 36.0)
    assert both.distribution.tolist() == [[0.5, 0.5]]


def test_combined_interval_holds_the_age():
    both = combine([estimate(30.0, 29.0, 31.0, [1.0]), estimate(50.0, 50.0, 50.0)])
    assert (both.low.item(), both.age.item(), both.high.item()) == (29.0, 40.0, 40.0)


def test_distributions_and_their_intervals_are_averaged():
    both = combine([estimate(30.0, 20.0, 40.0, [1.0, 0.0]), estimate(32.0, 30.0, 34.0, [0.0, 1.0])])
    assert (both.low.item(), both.high.item()) == (25.0, 37.0)
    assert both.distribution.tolist() == [[0.5, 0.5]]


def test_heads_without_a_distribution_span_their_mean_only():
    both = combine([estimate(30.0, 30.0, 30.0), estimate(40.0, 40.0, 40.0)])
    assert (both.low.item(), both.age.item(), both.high.item()) == (35.0, 35.0, 35.0)
    assert both.distribution is None


@pytest.mark.parametrize(
    ("margin", "low", "high"), [(2.0, 23.0, 38.0), (-3.0, 28.0, 33.0), (-9.0, 30.0, 30.0)]
)
def test_widen_moves_both_ends_but_never_past_the_age(margin, low, high):
    wide = estimate(30.0, 25.0, 36.0).widen(margin, (0, 100))
    assert (wide.low.item(), wide.age.item(), wide.high.item()) == (low, 30.0, high)


def test_widen_stays_within_the_label_ages():
    wide = estimate(30.0, 25.0, 36.0).widen(500.0, (10, 90))
    assert (wide.low.item(), wide.high.item()) == (10.0, 90.0)


def test_mirror_averages_the_outputs_of_both_views():
    torch.manual_seed(0)
    backbone = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 4 * 4, 5))
    network = AgeEstimator(backbone, {"reg": _Plain(5, (0, 10))}, (0, 10), mirror=True)
    images = torch.randn(2, 3, 4, 4)
    both = (network(images)["reg"] + network(images.flip(-1))["reg"]) / 2
    assert torch.allclose(network.forward_tta(images)["reg"], both)
    assert torch.allclose(
        network.forward_tta(images)["reg"], network.forward_tta(images.flip(-1))["reg"]
    )
    network.mirror = False
    assert torch.equal(network.forward_tta(images)["reg"], network(images)["reg"])


class _Plain(Head):
    def __init__(self, in_features: int, ages: tuple[int, int]) -> None:
        super().__init__(in_features, ages)
        self.fc = torch.nn.Linear(in_features, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.fc(features).squeeze(-1)

    def estimate(self, raw: torch.Tensor, rule: str, level: float) -> Estimate:
        return Estimate(raw, raw, raw)
