"""The fit of a forest's leaves (arXiv 1712.07195, section 3.3)."""

from __future__ import annotations

from math import exp, sqrt

import pytest
import torch
from agekit_regression.leaves import first_leaves, fit_leaves

AGE = torch.tensor([10.0, 20.0])
REACHED = torch.tensor([[[0.75, 0.25]], [[0.5, 0.5]]])
"""Two faces in one tree of two leaves."""


def fit(mean, variance, reached=REACHED, age=AGE, iterations=1, min_sigma=0.5):
    mean, variance = torch.tensor([mean]), torch.tensor([variance])
    found = fit_leaves(mean, variance, reached, age, iterations=iterations, min_sigma=min_sigma)
    return [value[0].tolist() for value in found]


def test_one_iteration_by_hand():
    """Leaves N(12, 4) and N(16, 16): face 1 is 2 and 6 years off, face 2 is 8 and 4 off."""
    n = [
        [exp(-(2**2) / 8) / 2, exp(-(6**2) / 32) / 4],
        [exp(-(8**2) / 8) / 2, exp(-(4**2) / 32) / 4],
    ]
    zeta_1 = 0.75 * n[0][0] / (0.75 * n[0][0] + 0.25 * n[0][1])
    zeta_2 = 0.5 * n[1][0] / (0.5 * n[1][0] + 0.5 * n[1][1])
    first = (zeta_1 * 10 + zeta_2 * 20) / (zeta_1 + zeta_2)
    second = ((1 - zeta_1) * 10 + (1 - zeta_2) * 20) / (2 - zeta_1 - zeta_2)
    spread_1 = (zeta_1 * (10 - first) ** 2 + zeta_2 * (20 - first) ** 2) / (zeta_1 + zeta_2)
    spread_2 = ((1 - zeta_1) * (10 - second) ** 2 + (1 - zeta_2) * (20 - second) ** 2) / (
        2 - zeta_1 - zeta_2
    )
    mean, variance = fit([12.0, 16.0], [4.0, 16.0])
    assert mean == pytest.approx([first, second], rel=1e-5)
    assert variance == pytest.approx([spread_1 + 0.25, spread_2 + 0.25], rel=1e-5)


def test_it_settles_on_the_two_faces():
    mean, variance = fit([12.0, 16.0], [4.0, 16.0], iterations=20)
    assert mean == pytest.approx([10, 20], abs=1e-3)
    assert [sqrt(v) for v in variance] == pytest.approx([0.5, 0.5], abs=1e-2)


def test_a_leaf_that_no_face_reaches_stays():
    reached = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    mean, variance = fit([12.0, 500.0], [4.0, 1.0], reached=reached)
    assert mean == [15, 500]
    assert variance == pytest.approx([25 + 0.25, 1])


def test_far_leaves_and_faces_stay_finite():
    mean, variance = fit([-1e4, 1e4], [1e-3, 1e-3], iterations=20)
    assert all(map(torch.isfinite, torch.tensor([*mean, *variance])))


def test_leaves_start_as_clusters_youngest_first():
    mean, variance = first_leaves(torch.tensor([9.0, 1, 2, 30, 8, 10]), 3, 0.5)
    assert mean.tolist() == pytest.approx([1.5, 9, 30])
    assert variance.tolist() == pytest.approx([0.25 + 0.25, 2 / 3 + 0.25, 0.25])


def test_fewer_ages_than_leaves():
    mean, variance = first_leaves(torch.tensor([20.0, 20, 40]), 4, 0.5)
    assert {20, 40} <= set(mean.tolist())
    assert mean.tolist() == sorted(mean.tolist())
    assert variance.min() == 0.25
