from __future__ import annotations

import time

import numpy as np
import pytest
from agekit_bench.stats.comparison import Difference, Rank, ranks
from agekit_bench.stats.intervals import (
    Interval,
    Spread,
    effective_size,
    interval_of,
    share_of,
    spread,
    with_trainings,
)

from agekit.bootstrap import mean_interval, resampled_means, wilson


def test_spread_of_three_seeds_by_hand():
    # mean (5 + 6 + 10) / 3 = 7; squares 4 + 1 + 9 = 14, 14 / 2 = 7
    found = spread([5.0, 6.0, 10.0])
    assert (found.mean, found.n) == (7.0, 3)
    assert found.std == pytest.approx(2.6457513)


def test_one_seed_has_no_deviation():
    assert spread([4.5]) == Spread(4.5, None, 1)


def test_wilson_by_hand():
    # 2 of 10, z = 1.96: z2 = 3.8416; centre (0.2 + 0.19208) / 1.38416 = 0.283262;
    # half 1.96 / 1.38416 * sqrt(0.2 * 0.8 / 10 + 3.8416 / 400) = 1.416021 * 0.160005 = 0.226570
    assert wilson(0.2, 10) == pytest.approx((0.05669, 0.50983), abs=2e-5)


def test_wilson_at_the_ends():
    # none of 10: high = z2 / (n + z2) = 3.8415 / 13.8415 = 0.27753
    assert wilson(0.0, 10) == (0, pytest.approx(0.27753, abs=1e-5))
    assert wilson(1.0, 10) == (pytest.approx(1 - 0.27753, abs=1e-5), 1)


def test_pictures_of_one_person_are_worth_less_than_those_of_many():
    which = np.array([1, 1, 0, 0, 1, 1, 0, 0.0])
    people = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    # 4/3 of the four people's squared totals (4), by 8 * 0.5 * 0.5
    assert effective_size(which, people) == pytest.approx(8 / (8 / 3))
    assert effective_size(which, np.arange(8)) == 8
    assert effective_size(which, np.array([0, 1, 0, 1, 2, 3, 2, 3])) == 8
    assert effective_size(np.ones(8), people) == 4
    together, apart = share_of(which, people), share_of(which, np.arange(8))
    assert (together.value, together.n) == (apart.value, apart.n) == (0.5, 8)
    assert together.low < apart.low and together.high > apart.high


def test_intervals_of_clustered_shares_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(60), 6)
    held = {"clustered": 0, "single": 0}
    for _ in range(400):
        # every person has a chance of their own, 0.3 on average
        which = random.random(360) < random.beta(0.9, 2.1, 60)[people]
        for name, clusters in (("clustered", people), ("single", np.arange(360))):
            share = share_of(which, clusters)
            held[name] += share.low <= 0.3 <= share.high
    assert 0.92 <= held["clustered"] / 400 <= 0.98
    assert held["single"] / 400 < 0.85


def test_a_share_of_nobody():
    found = share_of(np.array([], bool), np.array([], int))
    assert (found.value, found.n, found.low) == (None, 0, None)


def test_bootstrap_of_two_faces_has_the_three_means_it_can_have():
    # samples (a, a), (a, b), (b, a), (b, b): means 1, 2, 2, 3 with chances 1/4, 1/2, 1/4
    means = resampled_means([[1.0, 3.0]], [0, 1], resamples=8000)[:, 0]
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [1.0, 2.0, 3.0]
    assert counts / 8000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert interval_of(means) == interval_of(np.array([1.0, 3.0] * 40))


def test_clusters_are_drawn_whole_and_weigh_by_their_faces():
    # person p has faces 0, 0, 3 (sum 3), person q one face of 9;
    # p p: 6 / 6 = 1, p q: 12 / 4 = 3, q q: 18 / 2 = 9
    means = resampled_means([[0.0, 0.0, 3.0, 9.0]], ["p", "p", "p", "q"], resamples=4000)[:, 0]
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [1.0, 3.0, 9.0]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.04)


def test_rows_share_their_samples_so_differences_are_paired():
    errors = np.random.default_rng(0).exponential(5, 400)
    means = resampled_means([errors, errors + 0.25], np.arange(400), resamples=300)
    difference = interval_of(means[:, 1] - means[:, 0])
    assert (difference.low, difference.high) == pytest.approx((0.25, 0.25))
    alone = interval_of(means[:, 0])
    assert alone.high - alone.low > 0.5


def test_bootstrap_deviation_is_that_of_the_mean():
    errors = np.random.default_rng(1).normal(6, 4, 2500)
    means = resampled_means([errors], np.arange(2500))
    # 4 / sqrt(2500) = 0.08
    assert means.std() == pytest.approx(0.08, abs=0.008)
    assert interval_of(means[:, 0]).holds(errors.mean())


def test_the_same_input_gives_the_same_samples():
    values, clusters = [[1.0, 2.0, 4.0]], [0, 1, 2]
    first = resampled_means(values, clusters)
    assert np.array_equal(first, resampled_means(values, clusters))
    assert not np.array_equal(first, resampled_means(values, clusters, seed=1))


def test_ten_thousand_faces_of_twenty_rows_are_fast():
    values = np.random.default_rng(0).random((20, 10_000))
    start = time.monotonic()
    assert resampled_means(values, np.arange(10_000), resamples=500).shape == (500, 20)
    assert time.monotonic() - start < 15


def test_an_interval_without_clusters_is_that_of_single_faces():
    values = np.random.default_rng(2).exponential(5, 50)
    low, high = mean_interval(values, seed=0)
    assert interval_of(resampled_means(values, np.arange(50))[:, 0]) == Interval(low, high)


def test_two_trainings_by_hand():
    # means 3 and 5: standard error 1, t of 1 degree of freedom 12.7062; over faces 4 -+ 0.5
    found = with_trainings(4.0, Interval(3.5, 4.5), [3.0, 5.0])
    half = (12.7062**2 + 0.25) ** 0.5
    assert (found.low, found.high) == pytest.approx((4 - half, 4 + half), abs=1e-3)
    # of 2, 3 and 4 the standard error is 1 / sqrt(3), t of 2 degrees of freedom 4.30265
    found = with_trainings(3.0, Interval(3.0, 3.0), [2.0, 3.0, 4.0])
    assert found.high - 3 == pytest.approx(4.30265 / 3**0.5, abs=1e-5)


def test_two_terms_that_vary_on_their_own_add_up_as_squares():
    alone = Interval(0.0, 0.0)
    one, other = [1.0, -1.0], [0.2, 0.0, -0.2]
    halves = [with_trainings(0.0, alone, term).high for term in (one, other)]
    assert with_trainings(0.0, alone, one, other).high == pytest.approx(np.hypot(*halves))


def test_one_training_says_nothing_of_trainings():
    faces = Interval(1.0, 2.0)
    assert with_trainings(1.5, faces) == with_trainings(1.5, faces, [1.5]) == faces


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_over_trainings_hold_the_truth_as_often_as_they_say(seeds):
    random = np.random.default_rng(seeds)
    held = 0
    for _ in range(600):
        faces, trainings = random.normal(0, 1), random.normal(0, 2, seeds)
        mean = faces + trainings.mean()
        found = with_trainings(mean, Interval(mean - 1.96, mean + 1.96), faces + trainings)
        held += found.holds(0)
    assert held / 600 >= 0.93


def test_shares_of_trainings_that_differ_are_less_sure():
    alike = share_of(np.array([[1, 0, 1, 0], [0, 1, 0, 1.0]]), np.arange(4))
    assert (alike.value, alike.n) == (0.5, 4)
    differ = share_of(np.array([[1, 1, 1, 0], [0, 0, 0, 1.0]]), np.arange(4))
    assert (differ.value, differ.low, differ.high) == (0.5, 0.0, 1.0)
    assert alike.low > 0


def apart(by, half, seeds=3, opposed=0):
    return Difference(by, Interval(by - half, by + half), seeds, opposed)


def ranked(errors, halves, opposed=()):
    """Ranks of rows whose differences reach so far either way; pairs of `opposed` are disputed."""

    def difference(row, other):
        by = errors[row] - errors[other]
        return apart(by, halves[row, other], opposed=int((row, other) in opposed))

    return ranks(errors, difference)


def test_ties_share_a_rank_and_the_next_counts_all_before_it():
    halves = {(1, 0): 1, (2, 0): 1, (3, 2): 0.1}
    assert [r.place for r in ranked([0.0, 0.01, 3.0, 3.5], halves)] == [1, 1, 3, 4]


def test_a_tie_is_with_the_best_of_the_group_not_with_a_neighbour():
    # row 2 is not compared with row 1, with which it would tie
    assert [r.place for r in ranked([0.0, 0.5, 1.1], {(1, 0): 1, (2, 0): 1})] == [1, 1, 3]


def test_a_row_shares_no_rank_across_one_that_is_told_apart():
    # row 2 could not be told from 0, row 1 can: it does not come behind row 2
    assert [r.place for r in ranked([0.0, 0.5, 0.6], {(1, 0): 0.2, (2, 1): 1})] == [1, 2, 2]


def test_ranks_follow_the_errors_whatever_the_order_of_the_rows():
    assert [r.place for r in ranked([3.0, 1.0, 2.0], {(2, 1): 0, (0, 2): 0})] == [3, 1, 2]
    assert ranks([], apart) == []


def test_a_row_that_is_better_on_the_seeds_in_common_is_no_worse_rank():
    # its mean is of more seeds: on those of both it errs less, which tells it not apart as worse
    found = ranks([1.0, 2.0], lambda row, other: apart(-3.0, 1.0))
    assert found == [Rank(1, "seeds disagree")] * 2


def test_ranks_that_seeds_dispute_say_so():
    halves = {(1, 0): 1, (2, 0): 1, (3, 2): 0.1, (4, 3): 1}
    errors = [0.0, 0.01, 3.0, 3.5, 3.6]
    told = "seeds disagree"
    tied = ranked(errors, halves, opposed={(1, 0)})
    assert [r.note for r in tied] == [told, told, "", "", ""]
    assert [r.place for r in tied] == [1, 1, 3, 4, 4]
    led = ranked(errors, halves, opposed={(3, 2)})
    assert [r.note for r in led] == ["", "", "", told, told]


def test_ranks_that_rest_on_one_seed_say_so():
    def difference(row, other):
        return apart(float(row - other), 0.5 if row < 2 else 9, seeds=1 if row == 1 else 2)

    assert [tuple(r) for r in ranks([0.0, 1.0, 2.0], difference)] == [
        (1, ""),
        (2, "one seed"),
        (2, "one seed"),
    ]


@pytest.mark.parametrize(
    ("by", "half", "seeds", "holds"),
    [(-2, 1, 2, True), (2, 1, 2, False), (-2, 3, 5, None), (-2, 1, 1, None), (0, 0, 3, None)],
)
def test_one_seed_tells_no_rows_apart(by, half, seeds, holds):
    assert apart(by, half, seeds).holds is holds
