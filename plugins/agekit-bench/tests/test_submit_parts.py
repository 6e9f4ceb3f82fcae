"""What a submitted result says of parts of its faces, and of its split, is computed again."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
from agekit_bench.scoring import parts_of
from agekit_bench.submit import add, check, known_results
from agekit_testkit.results import draw_faces, write_made_result

FACES = draw_faces(120)
GUESS = (FACES.age + np.linspace(-6, 8, 120)).astype(np.float32)


def honest():
    """What `agekit bench run` would write as `by`."""
    table = SimpleNamespace(
        age=FACES.age,
        gender=np.array([("male", "female").index(name) for name in FACES.gender]),
        group=np.array([("A", "B", "C").index(name) for name in FACES.group]),
        group_names=("A", "B", "C"),
    )
    return parts_of(GUESS, GUESS - 10, GUESS + 10, table, np.arange(120))


def send(folder, by, faces=FACES, **changes):
    path = write_made_result(folder, "CEN", "cen-resnet10-tiny", faces, [GUESS])
    data = json.loads(path.read_text())
    data["evaluations"][0] |= {"by": by, **changes}
    path.write_text(json.dumps(data))
    return path


def reasons(path, folder):
    return " | ".join(check(path, folder, known_results(folder)).reasons)


def test_what_a_run_writes_is_accepted(tmp_path):
    assert reasons(send(tmp_path, honest()), tmp_path / "results") == ""


@pytest.mark.parametrize(
    ("kind", "name", "figures", "reason"),
    [
        ("zodiac", "lion", {"mae": 1.0}, "by.zodiac: there are parts by age, gender, group alone"),
        ("age", "0-9", {"mae": 0.0001}, "by.age.0-9.mae is 0.0001, by the predictions"),
        ("age", "0-9", {"n": 99999}, "by.age.0-9.n is 99999"),
        ("age", "0-5", {"n": 1}, "by.age.0-5: there is no such face"),
        ("gender", "male", {"n": 7}, "by.gender.male.n is 7"),
        ("gender", "male", {"bias": 99}, "by.gender.male.bias is 99"),
        ("gender", "male", {"coverage": 5}, "by.gender.male.coverage is 5"),
        ("gender", "male", {"cs5": 0.99}, "by.gender.male.cs5 is 0.99"),
        ("group", "B", {"luck": 1}, "by.group.B.luck: it cannot be computed"),
        ("group", "B", None, "by.group: the part B is missing"),
    ],
)
def test_invented_parts_are_refused(tmp_path, kind, name, figures, reason):
    by = copy.deepcopy(honest())
    if figures is None:
        del by[kind][name]
    else:
        by.setdefault(kind, {}).setdefault(name, {}).update(figures)
    assert reason in reasons(send(tmp_path, by), tmp_path / "results")


def test_who_is_in_two_splits_is_told_where_people_are_named_and_only_there(tmp_path):
    results = tmp_path / "results"
    path = send(tmp_path / "a", {}, subject_exclusive=True)
    assert "subject_exclusive is told, and its faces name nobody" in reasons(path, results)
    named = draw_faces(120, people=40)
    path = send(tmp_path / "b", {}, named)
    assert "subject_exclusive is not told" in reasons(path, results)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"subject_exclusive": True}, "subject_exclusive is true, and null by others"),
        ({"skipped": 3}, "skipped is 3, and 0 by others"),
    ],
)
def test_what_follows_from_the_split_is_that_of_others(tmp_path, changes, reason):
    results = tmp_path / "results"
    add([check(send(tmp_path / "a", {}), results, {})])
    assert reason in reasons(send(tmp_path / "b", {}, **changes), results)
