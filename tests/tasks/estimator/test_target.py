from __future__ import annotations

import pytest
import torch

from agekit.tasks.estimator.target import Target


def target(ages, *values):
    age = torch.tensor(values, dtype=torch.float32)
    return Target(age, torch.full_like(age, float("nan")), ages)


def test_eq01_normalised_age():
    unit = target((16, 77), 16.0, 40.0, 77.0).unit
    assert unit.tolist() == pytest.approx([0, (40 - 16) / (77 - 16), 1])


def test_label_is_the_nearest_label_age():
    assert target((10, 12), 10.2, 10.8, 12.0).label.tolist() == [0, 1, 2]


def test_label_of_ages_beyond_the_ends_is_the_end():
    assert target((10, 12), 3.0, 90.0).label.tolist() == [0, 2]


def test_labels_hold_both_ends():
    assert target((10, 12), 11.0).labels.tolist() == [10, 11, 12]
