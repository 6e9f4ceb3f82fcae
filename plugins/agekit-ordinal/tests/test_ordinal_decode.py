"""From the K-1 binary tasks to an age, on the ages 10, 11, 12, 13 unless said otherwise."""

from __future__ import annotations

import pytest
import torch
from agekit_ordinal.coral import CoralHead
from agekit_ordinal.corn import CornHead
from agekit_ordinal.decode import decode, distribution
from agekit_ordinal.ordinal import OrdinalHead

AGES = (10, 13)


def test_the_distribution_is_the_differences():
    p = distribution(torch.tensor([[0.9, 0.6, 0.1]]))
    assert p.tolist()[0] == pytest.approx([1 - 0.9, 0.9 - 0.6, 0.6 - 0.1, 0.1])


def test_tasks_that_contradict_each_other_are_put_in_order():
    """0.2 then 0.7: a face cannot be older than 12 and not older than 11."""
    p = distribution(torch.tensor([[0.9, 0.2, 0.7]]))
    assert p.tolist()[0] == pytest.approx([1 - 0.9, 0.9 - 0.7, 0.7 - 0.2, 0.2])


def test_a_distribution_whatever_the_probabilities():
    exceeds = torch.rand(50, 100, generator=torch.Generator().manual_seed(0))
    p = distribution(exceeds)
    assert p.shape == (50, 101)
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(50))


@pytest.mark.parametrize("exceeds", [[0.9, 0.6, 0.1], [0.9, 0.1, 0.6], [0.1, 0.6, 0.9]])
def test_median_counts_the_tasks_above_a_half(exceeds):
    """10 + 1 + 1 + 0, in any order."""
    assert decode(torch.tensor([exceeds]), AGES, "median", 0.9).age.item() == 12


@pytest.mark.parametrize("exceeds", [[0.9, 0.6, 0.1], [0.1, 0.6, 0.9]])
def test_expectation_adds_the_probabilities(exceeds):
    """10 + 0.9 + 0.6 + 0.1; and 0.1 10 + 0.3 11 + 0.5 12 + 0.1 13 = 11.6, the mean."""
    estimate = decode(torch.tensor([exceeds]), AGES, "expectation", 0.9)
    assert estimate.age.item() == pytest.approx(11.6)
    mean = (estimate.distribution * torch.tensor([10.0, 11, 12, 13])).sum()
    assert mean.item() == pytest.approx(11.6)


@pytest.mark.parametrize(
    ("exceeds", "age"), [([1.0, 1, 1], 13), ([0.0, 0, 0], 10), ([0.5] * 3, 10)]
)
@pytest.mark.parametrize("ages", [(10, 13), (16, 19)])
def test_ends_and_ties(exceeds, age, ages):
    estimate = decode(torch.tensor([exceeds]), ages, "median", 0.9)
    assert estimate.age.item() == age + ages[0] - 10


def test_the_central_interval_by_hand():
    """(0.1, 0.3, 0.5, 0.1), half of it: 1/4 is reached 0.15/0.3 into age 11, from 10.5 to 11.5, so
    at 11; 3/4 is reached 0.35/0.5 into age 12, so at 12.2."""
    estimate = decode(torch.tensor([[0.9, 0.6, 0.1]]), AGES, "median", 0.5)
    assert estimate.low.item() == pytest.approx(11.0)
    assert estimate.high.item() == pytest.approx(12.2)


def test_the_interval_holds_the_age():
    exceeds = torch.rand(50, 61, generator=torch.Generator().manual_seed(1))
    for rule in ("median", "expectation"):
        estimate = decode(exceeds, (16, 77), rule, 0.01)
        assert (estimate.low <= estimate.age).all()
        assert (estimate.age <= estimate.high).all()
        assert (estimate.age >= 16).all() and (estimate.age <= 77).all()


@pytest.mark.parametrize("head", [OrdinalHead(2, AGES), CoralHead(2, AGES)])
def test_logits_go_through_a_sigmoid(head):
    """Sigmoids of ln 9, ln 1.5 and -ln 9 are 0.9, 0.6 and 0.1."""
    raw = torch.tensor([[9.0, 1.5, 1 / 9]]).log()
    estimate = head.estimate(raw, "expectation", 0.9)
    assert estimate.age.item() == pytest.approx(11.6)
    assert estimate.distribution.tolist()[0] == pytest.approx([0.1, 0.3, 0.5, 0.1])


def test_corn_multiplies_what_is_conditional():
    """0.9, then 2/3 of it, then 1/6 of that: 0.9, 0.6, 0.1. Odds of 2/3 are 2, of 1/6 are 1/5."""
    raw = torch.tensor([[9.0, 2.0, 1 / 5]]).log()
    estimate = CornHead(2, AGES).estimate(raw, "expectation", 0.9)
    assert estimate.age.item() == pytest.approx(11.6)
    assert estimate.distribution.tolist()[0] == pytest.approx([0.1, 0.3, 0.5, 0.1])
    assert CornHead(2, AGES).estimate(raw, "median", 0.9).age.item() == 12


def test_corn_is_consistent_whatever_the_logits():
    raw = torch.randn(20, 100, generator=torch.Generator().manual_seed(2))
    raw[0, 0] = -200
    estimate = CornHead(2, (0, 100)).estimate(raw, "expectation", 0.9)
    torch.testing.assert_close(estimate.distribution.sum(-1), torch.ones(20))
    assert (estimate.distribution >= 0).all()
    assert estimate.age[0].item() == 0
