"""The losses of the binary tasks, on the ages 10, 11, 12 unless said otherwise."""

from __future__ import annotations

from math import log, nan, sqrt

import pytest
import torch
import torch.nn.functional as F
from agekit_ordinal.coral import CoralLoss
from agekit_ordinal.corn import CornLoss
from agekit_ordinal.ordinal import OrdinalLoss
from agekit_ordinal.tasks import older

from agekit.errors import ConfigError
from agekit.recipe import LossTerm
from agekit.tasks.estimator.base import Loss
from agekit.tasks.estimator.target import Target
from agekit.tasks.estimator.terms import build_term

AGES = (10, 12)
LOSSES = [
    OrdinalLoss(),
    OrdinalLoss(task_weights="sqrt"),
    CoralLoss(),
    CoralLoss(task_weights="sqrt"),
    CornLoss(),
]
THIRDS = torch.tensor([[3.0, 1 / 3], [1.0, 3.0]]).log()
"""Probabilities 3/4, 1/4 and 1/2, 3/4."""


def target(*years, ages=AGES):
    age = torch.tensor(years, dtype=torch.float32)
    return Target(age, torch.full_like(age, nan), ages)


def test_the_binary_labels():
    """Older than 10? Older than 11?"""
    assert older(target(10, 11, 12)).tolist() == [[0, 0], [1, 0], [1, 1]]


def test_labels_outside_the_range_and_between_the_years():
    years = older(target(5, 16, 16.4, 16.6, 90, ages=(16, 77)))
    assert years.shape == (5, 61)
    assert years.sum(-1).tolist() == [0, 0, 0, 1, 61]


@pytest.mark.parametrize("loss", [OrdinalLoss(), CoralLoss()])
def test_equal_weights_sum_over_tasks_and_mean_over_faces(loss):
    """Age 11 has labels 1, 0 and age 12 has 1, 1."""
    expected = (-(log(3 / 4) + log(3 / 4)) - (log(1 / 2) + log(3 / 4))) / 2
    assert loss(THIRDS, target(11, 12)).item() == pytest.approx(expected)


def test_the_two_way_cross_entropy_is_the_same_number():
    """Outputs (no, yes) of one face of age 11: (0.2, 1) and (2, -0.5)."""
    pairs = torch.tensor([[[0.2, 1.0], [2.0, -0.5]]])
    expected = F.cross_entropy(pairs[0], torch.tensor([1, 0]), reduction="sum")
    loss = OrdinalLoss()(pairs[..., 1] - pairs[..., 0], target(11))
    assert loss.item() == pytest.approx(expected.item())


def test_coral_gives_the_figure_in_the_authors_documentation():
    """Four ages more than the first: labels 1100, 1000, 1111 are the ages 12, 11, 14."""
    raw = torch.tensor([[2.1, 1.8, -2.1, -1.8], [1.9, -1, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]])
    assert CoralLoss()(raw, target(12, 11, 14, ages=(10, 14))).item() == pytest.approx(
        0.6920, abs=5e-5
    )


def test_ordinal_weights_go_by_the_roots_of_the_counts():
    """Ages 10, 10, 10, 12 and one more of each: counts 4, 1 and 2; the last has no task."""
    loss = OrdinalLoss(task_weights="sqrt")
    raw = torch.tensor([[3.0, 1.0]]).log().expand(4, 2)
    weights = [2 / (2 + 1), 1 / (2 + 1)]
    first = -(3 * log(1 / 4) + log(3 / 4)) / 4
    second = -4 * log(1 / 2) / 4
    expected = weights[0] * first + weights[1] * second
    assert loss(raw, target(10, 10, 10, 12)).item() == pytest.approx(expected)


def test_coral_weights_go_by_the_larger_side():
    """Counts 4, 1, 2: 3 or 4 on either side of the first threshold, 2 or 5 of the second."""
    loss = CoralLoss(task_weights="sqrt")
    raw = torch.tensor([[3.0, 1.0]]).log().expand(4, 2)
    weights = [sqrt(4) / sqrt(5), 1.0]
    first = -(3 * log(1 / 4) + log(3 / 4)) / 4
    second = -4 * log(1 / 2) / 4
    expected = weights[0] * first + weights[1] * second
    assert loss(raw, target(10, 10, 10, 12)).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", [OrdinalLoss, CoralLoss])
def test_counts_go_on_from_batch_to_batch_and_are_kept(kind):
    loss = kind(task_weights="sqrt")
    raw = torch.zeros(2, 2)
    loss(raw, target(10, 12))
    loss(raw, target(10, 11))
    assert loss.counts.shown[:4].tolist() == [2, 1, 1, 0]
    restored = kind(task_weights="sqrt")
    restored.load_state_dict(loss.state_dict())
    loss.eval()(raw, target(10, 11))
    assert torch.equal(restored.counts.shown, loss.counts.shown)


def test_corn_trains_a_task_on_the_faces_it_is_conditioned_on():
    """Age 10 is in task 1 alone, ages 11 and 12 in both: 5 pairs."""
    raw = torch.tensor([[3.0, 7.0], [3.0, 1 / 3], [1.0, 3.0]]).log()
    entropy = -(log(1 / 4) + log(3 / 4) + log(3 / 4) + log(1 / 2) + log(3 / 4))
    assert CornLoss()(raw, target(10, 11, 12)).item() == pytest.approx(entropy / 5)


def test_corn_leaves_the_other_tasks_alone():
    raw = torch.zeros(1, 2, requires_grad=True)
    CornLoss()(raw, target(10)).backward()
    assert raw.grad.tolist() == [[0.5, 0.0]]


def test_corn_is_a_cross_entropy_of_the_distribution_it_decodes_to():
    """Times the pairs: -ln p[age] summed, as the chain rule has it."""
    raw = torch.tensor([[9.0, 2.0]]).log()
    p = [1 / 10, 9 / 10 * 1 / 3, 9 / 10 * 2 / 3]
    for age, pairs in ((10, 1), (11, 2), (12, 2)):
        loss = CornLoss()(raw, target(age)).item()
        assert loss * pairs == pytest.approx(-log(p[age - 10]))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_point_to_the_true_age(loss):
    """Upwards for the tasks answered yes, downwards for the one that follows."""
    raw = torch.zeros(1, 3, requires_grad=True)
    loss(raw, target(12, ages=(10, 13))).backward()
    assert (raw.grad[0, :2] < 0).all()
    assert raw.grad[0, 2] > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_half_precision_outputs_are_finite_float32(loss):
    raw = torch.tensor([[-60000.0, 60000.0]]).half()
    value = loss(raw, target(11))
    assert value.dtype == torch.float32
    assert value.isfinite()


@pytest.mark.parametrize("kind", ["ordinal", "coral"])
def test_unknown_weights_are_refused(kind):
    with pytest.raises(ConfigError, match=f"{kind}: task_weights must be 'equal' or 'sqrt'"):
        build_term(LossTerm(type=kind, head="x", task_weights="log"))


@pytest.mark.parametrize("loss", LOSSES)
def test_an_output_of_another_length_is_refused(loss: Loss):
    with pytest.raises((ValueError, RuntimeError), match="size"):
        loss(torch.zeros(2, 3), target(10, 11))
