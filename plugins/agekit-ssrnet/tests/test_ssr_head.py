"""Soft stagewise regression (Yang et al., IJCAI 2018) by hand."""

from __future__ import annotations

from math import atanh, nan

import pytest
import torch
from agekit_ssrnet.head import SSRHead
from torch import nn

from agekit.errors import ConfigError
from agekit.registry import LOSSES
from agekit.tasks.estimator.target import Target


def head(ages=(0, 100), **arguments):
    """Two stages of 2 and 3 bins that answer every face alike; shifts are 0."""
    made = SSRHead(12, ages, bins=(2, 3), project=False, **arguments)
    for layer in [*made.p, *made.eta]:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    with torch.no_grad():
        made.p[0].bias.copy_(torch.tensor([0.25, 0.75]))
        made.p[1].bias.copy_(torch.tensor([0.5, 0.3, 0.2]))
    return made


FACE = torch.zeros(1, 12)
"""Features of stage 1: delta, 4 hidden units; of stage 2: delta, 6 hidden units."""


def test_stages_are_digits_of_the_age():
    """(0 * .25 + 1 * .75) / 2 + (0 * .5 + 1 * .3 + 2 * .2) / (2 * 3), times 101 years."""
    raw = head()(FACE)
    years = 101 * (0.75 / 2 + 0.7 / 6)
    assert raw.tolist() == pytest.approx([years / 100])
    assert head().estimate(raw, "expectation", 0.9).age.item() == pytest.approx(years)


def test_v_is_the_number_of_label_ages_and_counts_from_the_first():
    made = head(ages=(16, 77))
    years = 62 * (0.75 / 2 + 0.7 / 6)
    age = made.estimate(made(FACE), "median", 0.9).age.item()
    assert age == pytest.approx(16 + years)


def test_eta_shifts_the_bins():
    """Stage 2's last bin moves from 2 to 2 + 0.5 * 0.6."""
    made = head(lambda_eta=0.5)
    with torch.no_grad():
        made.eta[1].bias[2] = atanh(0.6)
    years = 101 * (0.75 / 2 + (0.3 + 2.3 * 0.2) / 6)
    assert made(FACE).item() == pytest.approx(years / 100)


def test_delta_widens_its_stage_and_those_below():
    """Stage 1's delta is 0.5: widths of 2 * 1.25 and 2 * 1.25 * 3 with lambda2 = 0.5."""
    face = FACE.clone()
    face[0, 0] = atanh(0.5)
    years = 101 * (0.75 / 2.5 + 0.7 / 7.5)
    assert head(lambda_delta=0.5)(face).item() == pytest.approx(years / 100)
    face = FACE.clone()
    face[0, 5] = atanh(-0.5)
    years = 101 * (0.75 / 2 + 0.7 / (2 * 3 * 0.75))
    assert head(lambda_delta=0.5)(face).item() == pytest.approx(years / 100)


def test_p_is_cut_off_below_zero():
    made = head()
    with torch.no_grad():
        made.p[0].bias.copy_(torch.tensor([0.25, -0.75]))
    assert made(FACE).item() == pytest.approx(1.01 * 0.7 / 6)


def test_p_and_eta_are_linear_in_the_hidden_units():
    made = head()
    with torch.no_grad():
        made.p[0].weight[1, 2] = 0.5
        made.eta[0].weight[1, 3] = 1.0
    face = FACE.clone()
    face[0, 1 + 2], face[0, 1 + 3] = 0.1, atanh(0.2)
    assert made(face).item() == pytest.approx(1.01 * (1.2 * 0.8 / 2 + 0.7 / 6))


def test_vanishing_widths_stay_finite_and_ages_within_the_labels():
    face = FACE.clone()
    face[0, 0] = face[0, 5] = -50.0
    made = head()
    raw = made(face)
    assert raw.isfinite().all()
    assert made.estimate(raw, "expectation", 0.9).age.item() == 100
    with torch.no_grad():
        made.eta[0].bias.fill_(-9.0)
        made.p[0].bias.copy_(torch.tensor([5.0, 0.0]))
    raw = made(FACE)
    assert raw.item() < 0, "no user meets a negative age"
    assert made.estimate(raw, "expectation", 0.9).age.item() == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_new_head_answers_with_the_middle_and_learns_in_every_stage(seed):
    """Each stage's p add up to 1 and its mean bin is 1: (1/3 + 1/9 + 1/27) 101 = 48.6 years."""
    torch.manual_seed(seed)
    made = SSRHead(16, (0, 100))
    raw = made(torch.randn(64, 16))
    assert 20 < 100 * raw.mean() < 80
    target = Target(torch.full((64,), 30.0), torch.full((64,), nan), (0, 100))
    LOSSES.get("l1")()(raw, target).backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in [*made.p, *made.eta])
    assert made.project.weight.grad.abs().sum() > 0


def test_it_runs_in_half_precision():
    made = SSRHead(16, (16, 77))
    with torch.autocast("cpu", torch.bfloat16):
        assert made(torch.randn(4, 16)).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": ()}, "bins must be numbers above 1"),
        ({"bins": (3, 1)}, "bins must be numbers above 1"),
        ({"lambda_eta": -1.0}, "must not be below 0"),
        ({"project": False}, "take 21 features, and the backbone gives 20"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SSRHead(20, (0, 100), **arguments)
