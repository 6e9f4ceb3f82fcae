from __future__ import annotations

from math import exp, inf, nan

import numpy as np
import pytest

from agekit.tasks.estimator import metrics

ESTIMATED = [22.0, 27.0, 45.0, 40.0]
TRUE = [20.0, 30.0, 40.0, 40.0]


def test_eq19_mean_absolute_error():
    assert metrics.mae(ESTIMATED, TRUE) == (2 + 3 + 5 + 0) / 4


def test_eq20_epsilon_error():
    expected = ((1 - exp(-4 / (2 * 4))) + (1 - exp(-9 / (2 * 9)))) / 2
    assert metrics.epsilon_error([22, 27], [20, 30], [2, 3]) == pytest.approx(expected)


def test_eq20_of_a_sigma_of_zero_counts_any_error_whole():
    assert metrics.epsilon_error([22.0, 20.0], [20.0, 20.0], [0.0, 0.0]) == 0.5


@pytest.mark.parametrize(("n", "share"), [(2, 0.25), (3, 0.5), (3.01, 0.75), (5, 0.75), (6, 1.0)])
def test_eq21_counts_errors_smaller_than_n(n, share):
    assert metrics.ca(ESTIMATED, TRUE, n) == share


@pytest.mark.parametrize(("n", "share"), [(0, 0.25), (2, 0.5), (3, 0.75), (4.99, 0.75), (5, 1.0)])
def test_cumulative_score_counts_errors_of_at_most_n(n, share):
    assert metrics.cs(ESTIMATED, TRUE, n) == share


def test_bias_is_signed():
    assert metrics.bias(ESTIMATED, TRUE) == (2 - 3 + 5 + 0) / 4


def test_coverage_counts_both_ends():
    assert metrics.coverage([20, 31, 30, 41], [25, 35, 40, 45], TRUE) == 0.5


def test_bins_are_of_the_true_age():
    assert metrics.per_age_bin([9, 12, 18, 35.5], [9.9, 10, 19.9, 30]) == [
        {"ages": "0-9", "n": 1, "mae": pytest.approx(0.9), "bias": pytest.approx(-0.9)},
        {"ages": "10-19", "n": 2, "mae": pytest.approx(1.95), "bias": pytest.approx(0.05)},
        {"ages": "30-39", "n": 1, "mae": 5.5, "bias": 5.5},
    ]


def test_bins_tell_the_coverage_where_intervals_are_known():
    ends = {"low": [8, 13, 17, 30], "high": [10, 14, 20, 31]}
    bins = metrics.per_age_bin([9, 12, 18, 35.5], [9.9, 10, 19.9, 30], **ends)
    assert [row["coverage"] for row in bins] == [1, 0.5, 1]


def test_bins_of_another_width():
    assert [row["ages"] for row in metrics.per_age_bin(TRUE, TRUE, width=5)] == [
        "20-24",
        "30-34",
        "40-44",
    ]


def test_summary_holds_every_scalar_as_a_float():
    out = metrics.summary(
        np.float32(ESTIMATED),
        TRUE,
        sigma=[2.0, nan, inf, 1.0],
        low=[20, 31, 30, 41],
        high=[25, 35, 40, 45],
    )
    assert out == {
        "mae": 2.5,
        "bias": 1.0,
        "ca3": 0.5,
        "ca5": 0.75,
        "ca7": 1.0,
        "cs3": 0.75,
        "cs5": 1.0,
        "cs7": 1.0,
        "epsilon": pytest.approx(((1 - exp(-4 / 8)) + 0) / 2),
        "coverage": 0.5,
        "interval_width": (5 + 4 + 10 + 4) / 4,
    }
    assert all(type(value) is float for value in out.values())


@pytest.mark.parametrize("sigma", [None, [nan] * 4])
def test_summary_has_no_epsilon_error_without_a_sigma(sigma):
    assert "epsilon" not in metrics.summary(ESTIMATED, TRUE, sigma=sigma)


def test_every_metric_has_a_row_that_says_how_it_is_shown():
    ends = {"low": [19.0], "high": [23.0]}
    given = metrics.summary([21.0], [20.0], sigma=[2.0], **ends)
    assert set(given) == {metric.name for metric in metrics.METRICS}
    assert len(given) == len(metrics.METRICS)
