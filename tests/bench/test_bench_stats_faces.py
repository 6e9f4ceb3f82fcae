from __future__ import annotations

import numpy as np
import pytest

from agekit.bench.results.scored import Scored, common_faces
from agekit.bench.statistics.comparison import compare
from agekit.bench.statistics.subgroups import Check, check_scores, part_scores, parts_of


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
    assert rows.covered.tolist() == [[1.0, 0.5]]


def test_rows_are_paired_on_the_faces_that_all_have():
    one = scored("abd", [20, 30, 50], [21, 30, 50])
    other = scored("abc", [20, 30, 40], [20, 33, 41])
    rows = compare([[one], [other]])
    assert rows.faces.key.tolist() == ["a", "b"]
    assert rows.errors.tolist() == [[1.0, 0.0], [0.0, 3.0]]
    assert rows.left_out == 1
    # (0 + 3) / 2 - (1 + 0) / 2
    assert rows.difference(1, 0)[0] == 1.0


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
