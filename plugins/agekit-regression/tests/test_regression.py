"""CEN (arXiv 1809.07447) eq. 8, 9 and 17."""

from __future__ import annotations

import pytest
import torch
from agekit_regression.head import RegressionHead
from agekit_regression.losses import L1

from agekit.tasks.estimator.target import Target


def test_eq08_one_number_linear_in_the_feature():
    head = RegressionHead(2, (10, 12))
    with torch.no_grad():
        head.fc.weight.copy_(torch.tensor([[0.5, -0.25]]))
        head.fc.bias.fill_(0.1)
    s = head(torch.tensor([[2.0, 4.0], [2.0, 0.0]]))
    assert s.shape == (2,)
    assert s.tolist() == pytest.approx([0.5 * 2 - 0.25 * 4 + 0.1, 0.5 * 2 + 0.1])


def test_eq09_absolute_error_of_the_normalised_age():
    target = Target(torch.tensor([11.5, 10.0]), torch.full((2,), float("nan")), (10, 12))
    loss = L1()(torch.tensor([0.5, 0.2]), target)
    assert loss.item() == pytest.approx((abs(0.5 - 0.75) + abs(0.2 - 0.0)) / 2)


def test_eq17_back_to_years():
    estimate = RegressionHead(2, (16, 77)).estimate(torch.tensor([0.0, 0.5, 1.0]), "expectation", 0)
    assert estimate.age.tolist() == [16, (77 - 16) * 0.5 + 16, 77]
    assert estimate.low.tolist() == estimate.high.tolist() == estimate.age.tolist()
    assert estimate.distribution is None


def test_ages_stay_within_the_label_ages():
    estimate = RegressionHead(2, (16, 77)).estimate(torch.tensor([-0.3, 1.7]), "median", 0.9)
    assert estimate.age.tolist() == [16, 77]
