"""Steering: grey faces of two levels a year, agers that go too short or too far, and guides."""

from __future__ import annotations

import numpy as np
import pytest
from agekit_ager.engine import AgedChips
from agekit_ager.judges.base import Verdict
from agekit_ager.steering import CHILD, FARTHEST, GROWN, Steering

NOW = np.array([30, 60], np.float32)
AGES = (0.0, 90.0)


def greys(ages):
    return np.repeat(2 * np.asarray(ages, float), 12).reshape(-1, 2, 2, 3)


class Guide:
    """Sees half the grey level of a face, and `extra` years more; counts the faces shown."""

    def __init__(self, extra=0.0):
        self.extra, self.shown = extra, 0

    def predict(self, chips):
        self.shown += len(chips)
        return Verdict(chips.astype(float).mean((1, 2, 3)) / 2 + self.extra)


def ager(share):
    """Goes that share of the way, and moves what it shows by as many pixels as years."""

    def run(chips, now, told):
        years = now + share * (told - now)
        return AgedChips(
            greys(years).astype(np.float32),
            np.repeat(years, 8).reshape(-1, 2, 2, 2).astype(np.float32),
        )

    return run


def steered(share, wanted, guide=None, ages=AGES):
    chips = greys(NOW).astype(np.uint8)
    made, told = Steering(guide or Guide(), ages)(
        ager(share), chips, NOW, np.array(wanted, np.float32)
    )
    return made.pixels.mean((1, 2, 3)) / 2, told, made


def test_an_ager_that_reaches_the_age_is_asked_once():
    guide = Guide()
    looks, told, _ = steered(1.0, [65, 30], guide)
    assert looks.tolist() == told.tolist() == [65, 30] and guide.shown == 4


@pytest.mark.parametrize("extra", [0.0, 7.0])
def test_one_that_stops_short_is_told_more_whatever_the_guide_adds_to_all(extra):
    looks, told, made = steered(0.7, [60, 35], Guide(extra))
    assert looks == pytest.approx([60, 35], abs=1)
    assert told[0] > 65 and told[1] < 30
    assert made.moved.mean((1, 2, 3)) == pytest.approx(looks)


def test_one_that_goes_too_far_is_told_less():
    looks, told, _ = steered(1.4, [60, 40])
    assert looks == pytest.approx([60, 40], abs=4)
    assert told[0] < 60 and told[1] > 40


def test_nobody_is_told_an_age_that_the_ager_does_not_know_or_far_from_the_wanted_one():
    _, told, _ = steered(0.5, [80, 10])
    assert told.tolist() == [90, 0]
    _, told, _ = steered(0.1, [60, 30], ages=(0, 200))
    assert told.tolist() == [60 + FARTHEST, GROWN], "no child's face for a grown-up's"
    _, told, _ = steered(0.1, [CHILD + 2, CHILD - 2])
    assert told.tolist() == [CHILD + 2, 0], "nor for a youth's"
    looks, told, _ = steered(0.5, [100, 60], ages=(0, 90))
    assert told[0] == 100 and looks[0] == 65


def test_a_face_of_the_wanted_age_is_left_alone():
    looks, told, _ = steered(0.3, NOW)
    assert (looks == NOW).all() and (told == NOW).all()


@pytest.mark.parametrize("sees", [np.full(2, 40.0), np.full(2, np.nan)])
def test_a_guide_that_sees_no_change_or_no_face_steers_nothing(sees):
    class Told:
        def predict(self, chips):
            return Verdict(sees[: len(chips)])

    looks, told, _ = steered(0.5, [60, 30], Told())
    assert told.tolist() == [60, 30] and looks.tolist() == [45, 45]


def test_what_comes_out_farther_off_is_dropped():
    class Fickle(Guide):
        """Is right about the first faces made, and sees those corrected as old as they were."""

        def predict(self, chips):
            verdict = super().predict(chips)
            return Verdict(np.full(len(chips), 30.0)) if self.shown > 4 else verdict

    looks, told, _ = steered(0.7, [60, 60], Fickle())
    assert told.tolist() == [60, 60] and looks.tolist() == [51, 60]
