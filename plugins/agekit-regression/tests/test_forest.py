"""Deep regression forests (arXiv 1712.07195): routing, loss, estimate."""

from __future__ import annotations

from math import erf, log, nan, sqrt

import pytest
import torch
from agekit_regression.forest import ForestHead
from agekit_regression.losses import ForestL2

from agekit.errors import ConfigError
from agekit.tasks.estimator.target import Target

AGES = (10, 12)


def head(ages=AGES):
    """One tree of three split nodes, on the units 2, 0, 1; four leaves at 10, 11, 12, 16."""
    made = ForestHead(1, ages, trees=1, depth=3, units=3)
    made.units.copy_(torch.tensor([[2, 0, 1]]))
    made.mean.copy_(torch.tensor([[10.0, 11.0, 12.0, 16.0]]))
    made.variance.copy_(torch.tensor([[1.0, 1.0, 4.0, 0.01]]))
    with torch.no_grad():
        made.fc.weight.zero_()
        made.fc.bias.copy_(torch.tensor([log(3), log(1 / 4), log(1)]))
    return made


P = [1 / 2 * 3 / 4, 1 / 2 * 1 / 4, 1 / 2 * 1 / 5, 1 / 2 * 4 / 5]
"""Units give sigmoids 3/4, 1/5 and 1/2: the root 1/2, its left child 3/4, its right child 1/5."""
TREE = P[0] * 10 + P[1] * 11 + P[2] * 12 + P[3] * 16


def test_a_leaf_is_reached_with_the_product_along_its_path():
    raw = head()(torch.zeros(2, 1))
    assert raw.shape == (2, 1, 1 + 4)
    assert raw[1, 0, 1:].tolist() == pytest.approx(P)


def test_a_tree_answers_with_the_mean_of_its_leaves():
    assert head()(torch.zeros(1, 1))[0, 0, 0].item() == pytest.approx(TREE)


def test_the_default_is_the_papers_forest():
    made = ForestHead(8, (16, 77))
    raw = made(torch.randn(3, 8))
    assert made.fc.out_features == 128
    assert made.units.shape == (5, 31)
    assert all(len(set(tree.tolist())) == 31 for tree in made.units)
    assert raw.shape == (3, 5, 1 + 32)
    assert raw[..., 1:].sum(-1).flatten().tolist() == pytest.approx([1] * 15)
    assert made.mean[0, 0].item() == pytest.approx(16 + 61 / 32 / 2)
    assert made.mean[4, 31].item() == pytest.approx(77 - 61 / 32 / 2)


def test_trees_of_one_seed_are_alike_and_of_another_are_not():
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(ForestHead(2, AGES).units.tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_leaves_are_saved_with_the_weights_and_learn_nothing_from_gradients():
    made = head()
    assert {"units", "mean", "variance"} <= made.state_dict().keys()
    assert {name for name, _ in made.named_parameters()} == {"fc.weight", "fc.bias"}


def test_loss_is_half_the_squared_error_of_every_tree():
    """Trees at 10 and 13 for an age of 12, at 11 and 11 for one of 10, in units of 10 years."""
    raw = torch.zeros(2, 2, 5)
    raw[..., 0] = torch.tensor([[10.0, 13.0], [11.0, 11.0]])
    target = Target(torch.tensor([12.0, 10.0]), torch.full((2,), nan), AGES)
    assert ForestL2(scale=10)(raw, target).item() == pytest.approx(
        (0.5 * (0.2**2 + 0.1**2) + 0.5 * (0.1**2 + 0.1**2)) / 2
    )


def test_a_step_moves_the_trees_towards_the_age():
    made = ForestHead(4, (0, 100))
    x, target = torch.randn(8, 4), Target(torch.full((8,), 80.0), torch.full((8,), nan), (0, 100))
    before = ForestL2()(made(x), target)
    before.backward()
    with torch.no_grad():
        for p in made.parameters():
            p -= p.grad
    assert ForestL2()(made(x), target) < before


def phi(z):
    return (1 + erf(z / sqrt(2))) / 2


def test_the_distribution_is_the_leaves_mixture():
    """The mass below 10.5, in [10.5, 11.5] and above 11.5 of each leaf's Gaussian."""
    made = head()
    estimate = made.estimate(made(torch.zeros(1, 1)), "expectation", 0.9)
    leaves = [(10, 1), (11, 1), (12, 2), (16, 0.1)]
    below = [phi((10.5 - mu) / sigma) for mu, sigma in leaves]
    middle = [phi((11.5 - mu) / sigma) - b for (mu, sigma), b in zip(leaves, below, strict=True)]
    expected = [
        sum(p * b for p, b in zip(P, below, strict=True)),
        sum(p * m for p, m in zip(P, middle, strict=True)),
    ]
    assert estimate.distribution.tolist()[0] == pytest.approx([*expected, 1 - sum(expected)])


def test_by_expectation_the_age_is_the_forests():
    made = head(ages=(0, 100))
    raw = made(torch.zeros(1, 1))
    estimate = made.estimate(raw, "expectation", 0.9)
    assert estimate.age.item() == pytest.approx(TREE)
    assert estimate.low < estimate.age < estimate.high
    assert made.estimate(raw, "median", 0.9).age.item() == pytest.approx(12, abs=1.5)


def test_ages_stay_within_the_label_ages():
    made = head(ages=(10, 12))
    estimate = made.estimate(made(torch.zeros(1, 1)), "expectation", 0.9)
    assert TREE > 12
    assert estimate.age.item() == 12


def test_the_mean_of_two_raw_outputs_is_one():
    made = ForestHead(2, (16, 77))
    one, other = made(torch.randn(1, 2)), made(torch.randn(1, 2))
    mean = (one + other) / 2
    ages = [made.estimate(raw, "expectation", 0.9).age.item() for raw in (one, other, mean)]
    assert ages[2] == pytest.approx((ages[0] + ages[1]) / 2)
    assert (mean[..., 1:] * made.mean).sum(-1).tolist()[0] == pytest.approx(mean[0, :, 0].tolist())


def test_half_precision_features_give_float32():
    made = head().bfloat16()
    raw = made(torch.zeros(1, 1).bfloat16())
    assert raw[..., 1:].float().sum().item() == pytest.approx(1, abs=1e-2)
    with torch.autocast("cpu", torch.bfloat16):
        assert head()(torch.zeros(1, 1)).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trees": 0}, "trees must be at least 1"),
        ({"depth": 1}, "depth from 2 to 12"),
        ({"units": 30}, "units must be at least 31"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ForestHead(2, AGES, **arguments)


@pytest.mark.parametrize("scale", [0.0, -1.0, nan])
def test_no_scale_of_zero(scale):
    with pytest.raises(ConfigError, match="scale must be above 0"):
        ForestL2(scale=scale)
