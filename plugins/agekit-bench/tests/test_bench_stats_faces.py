from __future__ import annotations

import numpy as np
import pytest
from agekit_bench.predictions import Scored
from agekit_bench.stats.comparison import common_faces, compare
from agekit_bench.stats.subgroups import Check, check_scores, part_scores, parts_of


def scored(keys, ages, estimates, people="", genders="", width=2.0):
    n = len(keys)
    words = {
        "key": list(keys),
        "identity": list(people) or [""] * n,
        "gender": [{"m": "male", "f": "female"}.get(g, "") for g in genders] or [""] * n,
        "group": [""] * n,
    }
    estimate = np.asarray(estimates, float)
    return Scored(
        **{name: np.array(column, dtype=np.str_) for name, column in words.items()},
        age=np.asarray(ages, float),
        sigma=np.full(n, np.nan),
        estimate=estimate,
        low=estimate - width,
        high=estimate + width,
    )


def test_errors_are_averaged_over_seeds_face_by_face():
    # face a (20): 22 and 18, errors 2 and 2; face b (30): 31 and 35, errors 1 and 5
    rows = compare([[scored("ab", [20, 30], [22, 31]), scored("ab", [20, 30], [18, 35])]])
    assert rows.errors.tolist() == [[2.0, 3.0]]
    assert rows.biases.tolist() == [[0.0, 3.0]]
    # intervals reach 2 years: a both times, b the first time
    assert rows.covered[0].tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_rows_are_paired_on_the_faces_that_all_have():
    one = scored("abd", [20, 30, 50], [21, 30, 50])
    other = scored("abc", [20, 30, 40], [20, 33, 41])
    rows = compare([[one], [other]])
    assert rows.faces.key.tolist() == ["a", "b"]
    assert rows.errors.tolist() == [[1.0, 0.0], [0.0, 3.0]]
    assert rows.left_out == 1
    # (0 + 3) / 2 - (1 + 0) / 2
    assert rows.difference(1, 0).by == 1.0


AGES = [20.0] * 40
KEYS = [f"{i:02}" for i in range(40)]
NOISE = np.random.default_rng(0).normal(0, 0.5, 40)


def trained(*errors):
    """What trainings score that err by so many years on average, each with the same noise."""
    return [scored(KEYS, AGES, 20 + error + NOISE) for error in errors]


def test_rows_are_paired_by_seed_whatever_their_order():
    # seed 7 is a bad one for both: they differ by a year each time
    rows = compare([trained(5, 15, 6), trained(16, 7, 6)], [[1, 7, 3], [7, 3, 1]])
    found = rows.difference(1, 0)
    assert (found.by, found.seeds, found.opposed, found.holds) == (pytest.approx(1), 3, 0, False)
    assert (found.interval.low, found.interval.high) == pytest.approx((1, 1))
    assert [rank.place for rank in rows.ranks] == [1, 2]
    assert rows.interval(0).low == 0


def test_the_seeds_that_both_have_are_compared():
    rows = compare([trained(5, 15, 4), trained(16, 6)], [[0, 1, 2], [1, 0]])
    assert rows.difference(1, 0).by == pytest.approx(1)
    assert rows.difference(1, 0).seeds == 2
    # one in common: all of each, which vary on their own; 8 - 11 is far from sure
    rows = compare([trained(5, 15, 4), trained(16, 6)], [[0, 1, 2], [1, 5]])
    found = rows.difference(0, 1)
    assert (found.by, found.seeds, found.holds) == (pytest.approx(-3), 2, None)
    # t of 2 and of 1 degree of freedom, by the standard errors of 5, 15, 4 and of 16, 6
    half = np.hypot(4.30265 * np.std([5, 15, 4], ddof=1) / 3**0.5, 12.7062 * 5)
    assert found.interval.high + 3 == pytest.approx(half, abs=0.01)


def test_two_seeds_that_disagree_tell_nothing_apart():
    # measured: seeds of opposite orders, and a mean difference of -5.7 years
    rows = compare([trained(10, 8.6), trained(22, 8)])
    found = rows.difference(0, 1)
    assert (found.by, found.seeds, found.opposed) == (pytest.approx(-5.7), 2, 1)
    assert found.holds is None and found.interval.low < -80 and found.interval.high > 60
    assert [tuple(rank) for rank in rows.ranks] == [(1, "seeds disagree"), (1, "seeds disagree")]


def test_rows_that_err_alike_on_average_are_disputed_where_each_has_its_seed():
    found = compare([trained(4, 6), trained(6, 4)]).difference(0, 1)
    assert (found.by, found.opposed, found.holds) == (pytest.approx(0), 1, None)


def test_the_rank_of_one_seed_says_so():
    rows = compare([trained(4, 4.1), trained(5, 5.1), trained(9)])
    assert [tuple(rank) for rank in rows.ranks] == [(1, ""), (2, ""), (3, "one seed")]
    assert (rows.difference(2, 0).seeds, rows.difference(2, 0).holds) == (1, None)
    for several in ([trained(4)], [trained(4), trained(9)]):
        assert {rank.note for rank in compare(several).ranks} == {"one seed"}


def test_a_mean_over_several_pairs_is_of_each_seed_first():
    # pair by pair seeds differ by 3, -1 and -1, 3; together by 1 and 1
    rows = compare([trained(4, 4), trained(7, 3), trained(5, 5), trained(4, 8)])
    found = rows.contrast({1: 0.5, 0: -0.5, 3: 0.5, 2: -0.5})
    assert (found.by, found.holds) == (pytest.approx(1), False)
    assert rows.difference(1, 0).holds is None


def test_a_picture_that_is_there_twice_is_paired_in_turn():
    one = scored("aaab", [20, 20, 25, 30], [1, 2, 3, 4])
    other = scored("aaab", [20, 25, 25, 30], [5, 6, 7, 8])
    left, right = common_faces([one, other])
    assert left.age.tolist() == right.age.tolist() == [20, 25, 30]
    assert left.estimate.tolist() == [1, 3, 4]
    assert right.estimate.tolist() == [5, 6, 8]


def test_clusters_are_people_and_else_pictures():
    rows = compare([[scored("abcc", [1, 2, 3, 4], [1, 2, 3, 4], people=["1", "1", "", ""])]])
    clusters = rows.clusters.tolist()
    assert clusters[0] == clusters[1] != clusters[2] == clusters[3]
    assert (rows.cluster_count, rows.people) == (2, 1)


def test_a_person_called_as_a_picture_is_another_cluster():
    rows = compare([[scored("ab", [1, 2], [1, 2], people=["b", ""])]])
    assert rows.cluster_count == 2


def test_nothing_in_common():
    assert compare([[scored("a", [20], [21])], [scored("b", [20], [21])]]) is None
    assert compare([]) is None


def test_parts_by_hand():
    faces = scored("abcd", [5, 15, 17, 85], [8, 14, 20, 80], genders="mmff")
    rows = compare([[faces]])
    parts = parts_of(rows.faces)
    assert [(p.kind, p.name) for p in parts] == [
        ("all", "all"),
        ("age", "0-9"),
        ("age", "10-19"),
        ("age", "80+"),
        ("gender", "female"),
        ("gender", "male"),
    ]
    by_name = {p.name: p for p in part_scores(rows, 0, parts)}
    # errors 3, -1, 3, -5
    assert by_name["all"].mae == 3.0
    assert by_name["all"].bias == 0.0
    assert (by_name["10-19"].n, by_name["10-19"].mae, by_name["10-19"].bias) == (2, 2.0, 1.0)
    assert (by_name["male"].mae, by_name["male"].bias) == (2.0, 1.0)
    # intervals reach 2 years: only the face of 15
    assert by_name["all"].coverage.value == 0.25
    assert by_name["all"].width == 4.0


def test_false_positives_of_challenge_25_by_hand():
    # below 18: 10 -> 26, 14 -> 24, 16 -> 25, 17 -> 30; of age: 18 -> 24, 40 -> 41
    first = scored("abcdef", [10, 14, 16, 17, 18, 40], [26, 24, 25, 30, 24, 41], genders="mmffmf")
    second = scored("abcdef", [10, 14, 16, 17, 18, 40], [20, 24, 25, 30, 26, 41], genders="mmffmf")
    rows = compare([[first, second]])
    found = {
        score.name: score for score in check_scores(rows, 0, parts_of(rows.faces), (Check(18, 25),))
    }
    # over two seeds 0.5 + 0 + 1 + 1 of four
    assert (found["all"].passed.value, found["all"].passed.n) == (0.625, 4)
    # 13 to 17 only: 0 + 1 + 1 of three
    assert found["all"].near.value == pytest.approx(2 / 3)
    # 18 is asked by one seed of two, 40 by none
    assert (found["all"].asked.value, found["all"].asked.n) == (0.25, 2)
    assert found["male"].passed.value == 0.25
    assert found["female"].passed.value == 1.0
    # Wilson of 2 of 2: low = 1 - z2 / (n + z2) = 1 - 3.8415 / 5.8415 = 0.34238
    assert found["female"].passed.low == pytest.approx(0.34238, abs=1e-4)


def test_no_check_without_a_face_below_its_limit():
    rows = compare([[scored("ab", [30, 40], [30, 40])]])
    assert check_scores(rows, 0, parts_of(rows.faces)) == []
