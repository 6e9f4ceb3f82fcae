from __future__ import annotations

import json

import numpy as np
import pytest
from agekit_bench.report.build import gather, make_leaderboard
from agekit_bench.result import CellError, CodeState
from agekit_testkit.results import draw_faces, write_failure, write_made_result

pytestmark = pytest.mark.slow

FACES = draw_faces(300)
SIGNS = np.where(np.arange(300) % 2, 1, -1)


def off(years):
    """Estimates that are wrong by so many years, one way and the other."""
    return FACES.age + years * SIGNS


def board_of(folder, **options):
    remarks = []
    found = gather([folder], remarks=remarks)
    return make_leaderboard(found, folder, remarks=remarks, **options)


def table_of(folder, **options):
    (standing,) = board_of(folder, **options).standings
    (table,) = standing.tables
    return table


def test_seeds_that_lack_failed_or_have_changed_code_are_flagged(tmp_path):
    folder = tmp_path / "made"
    for seed in (0, 1):
        write_made_result(folder, "A", "a-net", FACES, [off(3)], seed=seed)
    write_made_result(folder, "B", "b-net", FACES, [off(-4)])
    write_failure(folder, "B", "b-net", 1, CellError(kind="memory", message="22 GB asked for"))
    dirty = CodeState(commit="1" * 40, clean=False)
    write_made_result(folder, "D", "d-net", FACES, [off(9)], code=dirty)
    (standing,) = board_of(folder).standings
    rows = {row.label: row for row in standing.tables[0].rows}
    assert rows["B"].flags == [
        "1 of 2 seeds: its interval and rank are over faces alone",
        "seed 1 failed: memory",
    ]
    assert "the code was changed since its commit" in rows["D"].flags
    assert rows["D"].runs[0].commit == "1111111111+"
    assert [(f.row, f.seed, f.message) for f in standing.failures] == [("B", 1, "22 GB asked for")]


def test_the_warning_stays_until_seeds_agree(tmp_path):
    folder = tmp_path / "made"

    def add(seed, one, other):
        write_made_result(folder, "A", "a-net", FACES, [off(one)], seed=seed)
        write_made_result(folder, "B", "b-net", FACES, [off(other)], seed=seed)

    add(0, 3, 8)
    (told,) = table_of(folder).flags[1:]
    assert told.startswith("one training a row: how much trainings differ is in no interval here")
    add(1, 3.5, 3.25)
    table = table_of(folder)
    assert table.flags[1:] == ["seeds disagree about the order of rows: their ranks say so"]
    assert [(row.rank, row.rank_note) for row in table.rows] == [(1, "seeds disagree")] * 2
    folder = tmp_path / "agree"
    add(0, 3, 8)
    add(1, 3.5, 8.5)
    table = table_of(folder)
    assert table.flags[1:] == []
    assert [(row.rank, row.rank_note) for row in table.rows] == [(1, ""), (2, "")]


def test_leaks_are_flagged_first(tmp_path):
    for exclusive, text in ((False, "subject overlap"), (None, "the data names nobody")):
        folder = tmp_path / str(exclusive) / "made"
        write_made_result(folder, "A", "a-net", FACES, [off(3)], subject_exclusive=exclusive)
        assert table_of(folder).flags[0].startswith(text)
    folder = tmp_path / "safe" / "made"
    write_made_result(folder, "A", "a-net", FACES, [off(3)], subject_exclusive=True)
    (alone,) = table_of(folder).flags
    assert alone.startswith("one training a row")
    write_made_result(folder, "A", "a-net", FACES, [off(3)], subject_exclusive=True, seed=1)
    assert table_of(folder).flags == []
    folder = tmp_path / "train" / "made"
    write_made_result(folder, "A", "a-net", FACES, [off(3)], subject_exclusive=True, split="train")
    assert "contamination: scored on faces that it was trained on" in table_of(folder).flags


def test_what_else_than_the_method_differs_is_flagged(tmp_path):
    folder = tmp_path / "made"
    recipe = {"train": {"epochs": 20, "optimizer": {"lr": 0.1}}, "data": {"size": 64}}
    more = {"train": {"epochs": 60, "optimizer": {"lr": 0.1}}, "data": {"size": 64, "flip": 0}}
    write_made_result(folder, "A", "a-net", FACES, [off(3)], recipe=recipe)
    write_made_result(folder, "B", "b-net", FACES, [off(4)], recipe=more)
    write_made_result(folder, "C", "c-other", FACES, [off(4)], recipe=recipe)
    rows = {row.label: row.flags for row in table_of(folder, baseline="A").rows}
    assert rows == {
        "A": [],
        "B": ["trained otherwise than the baseline: data.flip, train.epochs"],
        "C": ["backbone is other, the baseline's net"],
    }


def test_rows_that_are_compared_with_none_are_flagged_where_they_differ(tmp_path):
    folder = tmp_path / "made"
    facts = {"size": 64, "margin": 0.1, "rule": "median"}
    write_made_result(folder, "A", "a-net", FACES, [off(3)], facts=facts)
    write_made_result(folder, "B", "b-net", FACES, [off(4)], facts=facts | {"margin": 0.4})
    assert "rows differ in margin" in table_of(folder).flags
    told = next(r.flags for r in table_of(folder, baseline="A").rows if r.label == "B")
    assert any("margin 0.4, the baseline's: alignment none, margin 0.1" in flag for flag in told)
    aligned = facts | {"alignment": "five-points"}
    write_made_result(tmp_path / "aligned", "A", "a-net", FACES, [off(3)], facts=aligned)
    tight = aligned | {"margin": -0.111}
    write_made_result(tmp_path / "aligned", "B", "b-net", FACES, [off(4)], facts=tight)
    rows = table_of(tmp_path / "aligned", baseline="A").rows
    told = next(row.flags for row in rows if row.label == "B")
    assert told == [
        "faces cut tighter than the detector does (78% of its frame), the baseline's: "
        "faces cut wider than the detector does (120% of its frame)"
    ]
    assert "rows differ in margin" not in table_of(folder, baseline="A").flags
    write_made_result(folder, "B", "b-net", FACES, [off(4)], facts=facts, seed=1)
    rows = {row.label: row.flags for row in table_of(folder).rows}
    assert "its seeds differ in margin" in rows["B"]


def test_a_failure_is_told_of_its_own_row_and_not_of_one_that_was_tried_again(tmp_path):
    folder = tmp_path / "made"
    write_made_result(folder, "A", "a-net", FACES, [off(3)])
    write_made_result(folder, "A", "a-big", FACES, [off(3)])
    error = CellError(kind="memory", message="22 GB asked for")
    write_failure(folder, "A", "a-big", 1, error)
    rows = {row.backbone: row.flags for row in table_of(folder).rows}
    assert rows == {"net": [], "big": ["seed 1 failed: memory"]}
    write_made_result(tmp_path / "again", "A", "a-big", FACES, [off(3)], seed=1)
    found = gather([folder, tmp_path / "again"])
    assert [result.status for result in found.values()] == ["done"] * 3


def test_predictions_of_other_faces_than_were_scored_are_not_used(tmp_path):
    folder = tmp_path / "made"
    path = write_made_result(folder, "A", "a-net", FACES, [off(3)])
    data = json.loads(path.read_text())
    data["evaluations"][0]["n"] = 200
    path.write_text(json.dumps(data))
    for seed in (0, 1):
        for label, years in (("A", 3), ("B", 4), ("C", 5)):
            if (label, seed) != ("A", 0):
                recipe = f"{label.lower()}-net"
                write_made_result(folder, label, recipe, FACES, [off(years)], seed=seed)
    board = board_of(folder)
    rows = {row.label: row for row in board.standings[0].tables[0].rows}
    assert [rows[label].rank for label in "ABC"] == [None, 1, 2]
    assert "scored on 200 faces of 300" in rows["A"].flags
    assert "have 300 faces of synthfaces:default, generation 1, not 200" in board.remarks[-1]


def test_few_people_are_flagged_and_a_leak_only_of_what_was_trained_on(tmp_path):
    faces = draw_faces(300, people=7)
    write_made_result(tmp_path / "made", "A", "a-net", faces, [faces.age + 3])
    told = "intervals and ranks are of 7 people or pictures: too few to rely on"
    assert told in table_of(tmp_path / "made").flags

    folder = tmp_path / "cross"
    path = write_made_result(folder, "A", "a-net", faces, [faces.age + 3], subject_exclusive=True)
    data = json.loads(path.read_text())
    cross = {"protocol": "agedb:default", "subject_exclusive": False}
    data["evaluations"].append(data["evaluations"][0] | cross)
    path.write_text(json.dumps(data))
    (standing,) = board_of(folder).standings
    flags = {table.scored_on: " ".join(table.flags) for table in standing.tables}
    assert set(flags) == {"agedb:default", "synthfaces:default"}
    assert "cut in another way" not in flags["agedb:default"]
    assert "subject overlap" not in flags["agedb:default"]


@pytest.mark.parametrize(
    ("alignment", "margin", "told"),
    [
        ("five-points", 0.02, ""),
        (
            "five-points",
            0.4,
            "cut in another way than those trained on, which costs years: faces cut wider than the "
            "detector does (180% of its frame), in training faces cut as the detector does",
        ),
        ("chips", 0.0, "costs years: faces as the data has them cut, in training faces cut as"),
    ],
)
def test_faces_of_other_data_that_are_cut_in_another_way_are_flagged(
    alignment, margin, told, tmp_path
):
    folder = tmp_path / "made"
    facts = {"alignment": "five-points", "margin": 0.0}
    path = write_made_result(folder, "A", "a-net", FACES, [off(3)], facts=facts)
    data = json.loads(path.read_text())
    cross = {"protocol": "agedb:default", "alignment": alignment, "margin": margin}
    data["evaluations"].append(data["evaluations"][0] | cross)
    path.write_text(json.dumps(data))
    (standing,) = board_of(folder).standings
    flags = {table.scored_on: " ".join(table.flags) for table in standing.tables}
    assert told in flags["agedb:default"]
    assert ("cut in another way" in flags["agedb:default"]) == bool(told)
    assert "cut in another way" not in flags["synthfaces:default"]


def test_a_row_of_other_faces_does_not_cost_the_others_their_ranks(tmp_path):
    folder, others = tmp_path / "made", draw_faces(120, seed=9)
    for seed in (0, 1):
        write_made_result(folder, "A", "a-net", FACES, [off(3)], seed=seed)
        write_made_result(folder, "B", "b-net", FACES, [off(4)], seed=seed)
        write_made_result(folder, "C", "c-net", others, [others.age + 1], seed=seed)
    rows = {row.label: row for row in table_of(folder).rows}
    assert [rows[label].rank for label in "ABC"] == [1, 2, None]
    assert "scored on faces that the other rows have none of: not ranked" in rows["C"].flags
