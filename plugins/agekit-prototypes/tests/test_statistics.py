"""Means, energies and genders, of faces of known statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_prototypes.network import PrototypeAger
from agekit_prototypes.statistics import Statistics, kernel, logistic, shares

SIZE = 48


def test_faces_count_by_their_distance_in_years():
    [near] = kernel(np.array([30.0]))
    assert (
        near[6] == 1
        and near[5] == pytest.approx(np.exp(-0.5))
        and near[4] == pytest.approx(np.exp(-2))
    )
    assert near[3] == 0


def test_all_groups_count_alike_and_an_unknown_gender_half():
    ages = np.full(100, 30.0)
    groups = np.repeat([0, 1], [80, 20])
    share = shares(ages, np.zeros(100, int), groups)[0, 6]
    assert share[:80].sum() == pytest.approx(1) and share[80:].sum() == pytest.approx(1)
    few = shares(ages[:3], np.zeros(3, int), groups[:3])[0, 6]
    assert few.sum() == pytest.approx(3 / 12)
    both = shares(ages[:24], np.full(24, -1), groups[:24])[:, 6].sum(1)
    assert both == pytest.approx([1, 1])


def test_statistics_find_the_means_and_what_is_not_seen_does_not_count():
    draws = np.random.default_rng(0)
    faces = draws.integers(60, 200, (40, SIZE, SIZE, 3)).astype(np.uint8)
    faces[:, 30:36, 12:36] = 30
    wrong = faces.copy()
    wrong[20:, :8] = 255
    there = np.ones((40, 48, 48), bool)
    there[20:, :14] = False
    gender, ages = np.arange(40) % 2, np.full(40, 40.0)
    found = []
    for given in (faces, wrong):
        made = PrototypeAger(side=24)
        sums = Statistics(made, SIZE)
        for at in (slice(0, 24), slice(24, 40)):
            share = shares(ages, gender, np.zeros(40, int))[..., at]
            sums.add(given[at], there[at], share, gender[at])
        sums.finish()
        found.append(made)
    rows = found[0].means[0, 8, 0, :, 6:].float().mean(1)
    assert rows[16] < rows[11] - 0.1
    torch.testing.assert_close(found[0].means, found[1].means, atol=0.02, rtol=0)
    assert found[0].energies[:, 8].isfinite().all()


def test_genders_are_told_where_both_are_known():
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(300, 4, generator=draws, dtype=torch.float64)
    y = (x[:, 0] + 0.3 * torch.randn(300, generator=draws, dtype=torch.float64) > 0).double()
    slope, bias = logistic(x, y)
    assert ((x @ slope + bias > 0) == (y > 0)).double().mean() > 0.85
    assert slope[0] > 5 * slope[1:].abs().max()
