from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from agekit_synthfaces import person, sample_age
from agekit_synthfaces.cues import cues_at
from agekit_synthfaces.identity import HAIR_STYLES

from agekit.errors import DataError

_ONE_WAY = (
    "years", "strain", "adult", "wrinkle", "sag", "hood", "thin", "hollow", "elder", "rough",
    "uneven", "spots", "pale", "grey", "bald", "down", "beard",
)  # fmt: skip


def test_people_are_frozen_and_differ():
    people = [person(0, index) for index in range(40)]
    assert people[3] == person(0, 3)
    assert len({dataclasses.astuple(who)[2:] for who in people}) == 40
    assert person(1, 3) != person(0, 3)
    assert {who.gender for who in people} == {0, 1}
    assert all(who.style in HAIR_STYLES for who in people)
    with pytest.raises(dataclasses.FrozenInstanceError):
        people[0].pace = 1.0  # type: ignore[misc]


def test_population():
    people = [person(7, index) for index in range(600)]
    pace = np.log([who.pace for who in people])
    assert abs(pace.mean()) < 0.02
    assert 0.08 < pace.std() < 0.14
    melanin = np.array([who.melanin for who in people])
    assert np.quantile(melanin, 0.1) < 0.1
    assert np.quantile(melanin, 0.9) > 0.6


def test_cues_run_one_way():
    for index in range(8):
        states = [cues_at(person(3, index), age) for age in np.arange(0, 110.5, 0.5)]
        for name in _ONE_WAY:
            assert np.all(np.diff([getattr(state, name) for state in states]) >= 0), name
        for name in ("infancy", "childhood"):
            assert np.all(np.diff([getattr(state, name) for state in states]) <= 0), name


def test_negative_keys_are_refused():
    with pytest.raises(DataError, match="-1"):
        person(0, -1)


def test_sampled_ages():
    ages = np.array([sample_age(0, index) for index in range(1500)])
    assert ages.min() >= 0
    assert ages.max() <= 90
    assert np.all(np.histogram(ages, bins=range(0, 81, 10))[0] > 60)
    assert sample_age(0, 17) == ages[17]
    assert {sample_age(0, index, 20, 24) for index in range(200)} == {20, 21, 22, 23, 24}
