from __future__ import annotations

import numpy as np
import pytest
from agekit_ager.progression import flips, progression

from agekit.bootstrap import mean_interval

NAN = float("nan")


def test_the_columns_of_the_report_by_hand() -> None:
    """Changes of 15, -2, 10, 20 years; the other two have no face in one of the pictures."""
    out = progression([20, 30, 40, NAN, 25, 30], [35, 28, 50, 60, 45, NAN], "old")
    assert (out["n"], out["skipped"]) == (4, 2)
    assert out["max"] == 20
    assert out["avg"] == pytest.approx((15 + 0 + 10 + 20) / 4)
    assert (out["over_10"], out["over_15"], out["over_20"]) == (75, 50, 25)
    assert out["shift"] == pytest.approx((15 - 2 + 10 + 20) / 4)
    assert (out["before"], out["after"]) == (115 / 4, 158 / 4)
    assert -2 <= out["interval"][0] < out["shift"] < out["interval"][1] <= 20


def test_years_taken_away_count_where_faces_are_made_young() -> None:
    out = progression([60, 50, 55], [45, 53, 45], "young")
    assert out["max"] == 15
    assert out["avg"] == pytest.approx((15 + 0 + 10) / 3)
    assert out["over_10"] == pytest.approx(200 / 3)
    assert out["over_15"] == pytest.approx(100 / 3)
    assert out["shift"] == pytest.approx((-15 + 3 - 10) / 3)


def test_without_a_face_there_is_nothing_to_count() -> None:
    out = progression([NAN, 20], [30, NAN], "old")
    assert (out["n"], out["skipped"]) == (0, 2)
    assert {out[key] for key in ("max", "avg", "over_10", "shift", "interval", "before")} == {None}


def test_everybody_seven_years_older() -> None:
    before = np.arange(20.0, 40.0)
    out = progression(before, before + 7, "old")
    assert (out["max"], out["avg"], out["shift"], out["interval"]) == (7, 7, 7, (7, 7))
    assert out["over_10"] == 0


def test_flips_are_of_those_with_a_gender_in_both() -> None:
    before = np.array([0, 0, 1, 1, -1, 0], np.int8)
    after = np.array([0, 1, 1, 0, 1, -1], np.int8)
    assert flips(before, after) == 50
    assert flips(before[4:], after[4:]) is None


def test_the_interval_is_that_of_theory_and_of_the_seed() -> None:
    """Of 400 normal values of standard deviation 8: the mean plus or minus 1.96 x 8 / 20."""
    x = np.random.default_rng(3).normal(0, 1, 400)
    x = 5 + 8 * (x - x.mean()) / x.std()
    interval = mean_interval(x, 0)
    assert interval == pytest.approx((5 - 0.784, 5 + 0.784), abs=0.03)
    assert mean_interval(x, 0) == interval != mean_interval(x, 1)
    assert mean_interval([3.0], 0) is None


@pytest.mark.slow
def test_many_values_are_resampled_in_parts() -> None:
    x = np.tile([0.0, 1.0], 3000)
    interval = mean_interval(x, 0)
    assert interval == pytest.approx((0.5 - 0.01265, 0.5 + 0.01265), abs=0.001)
