from __future__ import annotations

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agekit_bench.report.build import gather, make_leaderboard
from agekit_bench.report.html import render_page
from agekit_bench.report.markdown import render_markdown
from agekit_bench.result_files import read_speeds
from agekit_bench.stats.intervals import Interval
from agekit_testkit.results import draw_faces, write_made_result

from agekit.data.digests import hash_file
from agekit.errors import ConfigError, DataError

pytestmark = pytest.mark.slow

FACES = draw_faces(300)
SIGNS = np.where(np.arange(300) % 2, 1, -1)


def off(years):
    """Estimates that are wrong by so many years, one way and the other."""
    return FACES.age + years * SIGNS


def board_of(folder, out=None, **options):
    remarks = []
    found = gather([folder], remarks=remarks)
    return make_leaderboard(found, out or folder, remarks=remarks, **options)


def table_of(folder, **options):
    (standing,) = board_of(folder, **options).standings
    (table,) = standing.tables
    return table


@pytest.fixture
def folder(tmp_path):
    """Three rows that are off by 4, 4 and 7 years in two seeds, which dispute the first two."""
    folder = tmp_path / "made"
    for seed, errors in enumerate([(3, -4, 6), (5, -4, 8)]):
        for label, error in zip("ABC", errors, strict=True):
            recipe = f"{label.lower()}-net"
            write_made_result(folder, label, recipe, FACES, [off(error)], seed=seed)
    return folder


def test_rows_ranks_and_differences(folder):
    table = table_of(folder, baseline="C")
    assert [(row.label, row.rank) for row in table.rows] == [("A", 1), ("B", 1), ("C", 3)]
    assert [row.rank_note for row in table.rows] == ["seeds disagree", "seeds disagree", ""]
    assert "seeds disagree about the order of rows: their ranks say so" in table.flags
    first, second, last = table.rows
    assert (first.metrics["mae"].mean, first.metrics["mae"].n) == (pytest.approx(4), 2)
    assert first.metrics["mae"].std == pytest.approx(2**0.5)
    by, interval = first.difference
    assert by == pytest.approx(-3, abs=1e-5)
    assert (interval.low, interval.high) == pytest.approx((-3, -3), abs=1e-5)
    # 2 and 4 years better: t of one degree of freedom, 12.7 years either way
    by, interval = second.difference
    assert (interval.low, interval.high) == pytest.approx((-15.706, 9.706), abs=1e-3)
    assert (second.difference_seeds, second.difference_opposed) == (2, 0)
    assert last.is_baseline
    assert last.difference is None
    assert (table.n, table.common, table.baseline) == (300, 300, "C")


def test_intervals_are_of_faces_and_seeds(folder):
    rows = {row.label: row for row in table_of(folder).rows}
    # every error is 4 years, whichever faces are drawn, in both seeds
    assert rows["B"].interval == Interval(pytest.approx(4, abs=1e-5), pytest.approx(4, abs=1e-5))
    # 3 and 5 years
    assert rows["A"].interval == Interval(0, pytest.approx(16.706, abs=1e-3))


def test_one_seed_gives_no_bare_rank_no_mark_and_no_plain_yes(generations, tmp_path):
    file = tmp_path / "suites" / "evolve.yaml"
    file.write_text(file.read_text().replace("rows: [", CLAIMS.replace(", C", "") + "rows: [{B}, "))
    file.write_text(file.read_text().replace("{B}", "{label: B, recipe: reg}"))
    write_made_result(generations, "B", "reg-net", FACES, [off(9), off(9)], suite="evolve")
    board = board_of(generations)
    (table,) = board.standings[0].tables
    assert {row.rank_note for row in table.rows} == {"one seed"}
    errors = [row.metrics["mae"].mean for row in table.rows]
    assert errors == sorted(errors)
    assert any(flag.startswith("one training a row") for flag in table.flags)
    assert {row.difference_seeds for row in table.rows if row.difference} == {1}
    for text in (render_markdown(board), render_page(board)):
        assert not re.search("[▲▼] ?[(<]", text)
        assert not re.search(r"^\| \d+ \||</b></td>|class=.best", text, re.MULTILINE)
        assert "the other way round in these trainings" in text
        assert "yes in these trainings" in text


@pytest.mark.slow
def test_a_row_of_one_seed_says_so_among_others_of_several(folder):
    write_made_result(folder, "D", "d-net", FACES, [off(1)])
    table = table_of(folder, baseline="C")
    assert table.rows[0].flags == ["1 of 2 seeds: its interval and rank are over faces alone"]
    text = render_markdown(board_of(folder, baseline="C"))
    assert "| 1 (one seed) | D |" in text
    # 6 years better than the baseline of 7, of one seed
    assert "−6.00 (−6.00 to −6.00; one seed)" in text
    write_made_result(folder, "D", "d-net", FACES, [off(3)], seed=1)
    text = render_markdown(board_of(folder))
    assert "1 of 2 seeds" not in text and "one seed)" not in text
    assert "| 1 | D |" in text


def test_links_are_relative_to_the_page(folder, tmp_path):
    (standing,) = board_of(folder, out=tmp_path / "site" / "deep").standings
    run = standing.tables[0].rows[0].runs[0]
    assert run.href == "../../made/synthfaces_default/a-net/seed-0.json"
    assert run.predictions == "../../made/synthfaces_default/a-net/seed-0.parquet"


def test_what_is_the_same_for_all_and_what_is_not(tmp_path):
    folder = tmp_path / "made"
    facts = {"size": 64, "rule": "median", "initialisation": None}
    write_made_result(folder, "A", "a-net", FACES, [off(3)], facts=facts)
    write_made_result(folder, "B", "b-net", FACES, [off(4)], facts=facts | {"rule": "expectation"})
    table = table_of(folder, baseline="A")
    assert table.facts == {"backbone": "net", "size": 64, "initialisation": None}
    assert table.rows[1].flags == ["rule is expectation, the baseline's median"]


def test_each_backbone_has_its_own_baseline(tmp_path):
    folder = tmp_path / "made"
    for net, years in (("net", 4), ("big", 2)):
        write_made_result(folder, "A", f"a-{net}", FACES, [off(years)])
        write_made_result(folder, "B", f"b-{net}", FACES, [off(years + 1)])
    table = table_of(folder, baseline="A")
    assert table.baseline == "A, on the backbone of each"
    assert sorted(row.label for row in table.rows if row.is_baseline) == ["A", "A"]
    differences = [row.difference[0] for row in table.rows if row.label == "B"]
    assert differences == pytest.approx([1, 1])
    assert all(row.flags == [] for row in table.rows)


def test_results_on_another_split_are_another_table(folder):
    write_made_result(folder / "other", "D", "d-net", FACES, [off(1)], split_hash="f" * 16)
    (standing,) = board_of(folder).standings
    assert [len(table.rows) for table in standing.tables] == [3, 1]
    told = "there are results on another split of this name; tables do not compare"
    assert all(told in table.flags for table in standing.tables)


def test_predictions_that_are_damaged_cost_the_rank_not_the_row(folder):
    file = folder / "synthfaces_default/b-net/seed-0.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    board = board_of(folder)
    rows = {row.label: row for row in board.standings[0].tables[0].rows}
    assert rows["B"].rank is None
    assert rows["B"].flags[-1] == "no per-face estimates that could be used: not ranked"
    assert rows["B"].metrics["mae"].mean == pytest.approx(4)
    assert (rows["A"].rank, rows["C"].rank) == (1, 2)
    assert "its hash differs" in board.remarks[-1]


def test_broken_files_are_named_and_cells_counted_once(folder, tmp_path):
    (folder / "seed-9.json").write_text("{")
    write_made_result(tmp_path / "again", "A", "a-net", FACES, [off(1)], seed=0)
    remarks = []
    found = gather([folder, tmp_path / "again"], remarks=remarks)
    assert len(found) == 6
    assert "seed-9.json is not a valid result" in remarks[0]
    assert "is the same cell as" in remarks[1]
    assert gather([folder], suite="another") == {}
    with pytest.raises(DataError, match="is not there"):
        gather([tmp_path / "none"])


def test_an_unknown_baseline_names_the_rows(folder):
    with pytest.raises(ConfigError, match="no row is called 'Z'") as caught:
        board_of(folder, baseline="Z")
    assert caught.value.hint == "the rows are A, B, C"


@pytest.fixture
def generations(tmp_path, monkeypatch):
    """Results of a suite whose generations are rows."""
    suites = tmp_path / "suites"
    suites.mkdir()
    (suites / "evolve.yaml").write_text(
        "name: evolve\ndescription: a test\nby_generation: true\nbaseline: A\n"
        "protocols: [{dataset: synthfaces}]\n"
        "rows: [{label: A, recipe: cen}, {label: Start, recipe: ldl, shown: false}]\n"
    )
    monkeypatch.setenv("AGEKIT_SUITES", str(suites))
    folder = tmp_path / "evolve"
    write_generations(folder, "A", "cen-net", [off(5), off(4), off(-4)])
    write_generations(folder, "Start", "ldl-net", [off(5)])
    return folder


def write_generations(folder, label, recipe, estimates, seeds=(0,)):
    for seed in seeds:
        write_made_result(folder, label, recipe, FACES, estimates, suite="evolve", seed=seed)


def test_generations_are_rows_where_the_suite_says_so(generations):
    write_generations(generations, "A", "cen-net", [off(5), off(4), off(-4)], seeds=[1])
    table = table_of(generations)
    found = [(row.detail, row.generation, row.rank) for row in table.rows]
    assert found == [("t = 2", 2, 1), ("t = 3", 3, 1), ("t = 1", 1, 3)]
    assert [row.train_seconds is None for row in table.rows] == [True, False, True]


@pytest.mark.slow
def test_generations_are_compared_with_the_first_of_their_row(generations, tmp_path):
    file = tmp_path / "suites" / "evolve.yaml"
    text = file.read_text().replace("baseline: A\n", "").replace("rows: [", "rows: [{B}, ")
    file.write_text(text.replace("{B}", "{label: B, recipe: reg}"))
    write_made_result(generations, "B", "reg-net", FACES, [off(7), off(-9)], suite="evolve")
    table = table_of(generations)
    assert table.baseline == "the first generation of each"
    found = {f"{row.label}{row.generation}": row.difference for row in table.rows}
    assert found.pop("A1") is None and found.pop("B1") is None
    assert {name: by for name, (by, _) in found.items()} == pytest.approx(
        {"A2": -1, "A3": -1, "B2": 2}
    )
    assert {row.generation for row in table.rows if row.is_baseline} == {1}


CLAIMS = """claims:
  - {text: B errs less than the others, row: B, beats: [A, C]}
  - {text: The second errs less than the first, generation: 2, beats_generation: 1}
"""


@pytest.mark.slow
def test_claims_are_answered_by_paired_differences(generations, tmp_path):
    file = tmp_path / "suites" / "evolve.yaml"
    rows = "rows: [{label: B, recipe: reg}, {label: C, recipe: reg}, "
    file.write_text(file.read_text().replace("rows: [", CLAIMS + rows))
    near = off(4)
    near[::4] += 1
    near[1::4] += 1
    write_generations(generations, "B", "reg-net", [off(6), off(4)], seeds=[0, 1])
    write_generations(generations, "C", "c-net", [near], seeds=[0, 1])
    write_generations(generations, "A", "cen-net", [off(5), off(4), off(-4)], seeds=[1])
    others, second = table_of(generations).findings
    assert others.claim == "B errs less than the others"
    assert {a.of: (round(a.by, 6), a.holds) for a in others.answers} == {
        "against A": (0, None),
        "against C": (0, None),
    }
    told = {a.of: (round(a.by, 6), a.holds, a.seeds) for a in second.answers}
    assert told == {"A": (-1, True, 2), "B": (-2, True, 2), "both together": (-1.5, True, 2)}
    text = render_markdown(board_of(generations))
    assert "- B: **yes**, −2.00 years (−2.00 to −2.00; 2 seeds)" in text
    assert "- against A: **cannot be told**, 0.00 years (0.00 to 0.00; 2 seeds)" in text


@pytest.mark.slow
def test_markdown_is_the_same_every_time_and_escapes(folder):
    label = "evil | <b>`x`</b>\n# [a](b)"
    write_made_result(folder, label, "e-net", FACES, [off(8)])
    text = render_markdown(board_of(folder, baseline="B"))
    assert text == render_markdown(board_of(folder, baseline="B"))
    assert r"evil \| \<b\>\`x\`\</b\> \# \[a\](b)" in text
    assert "| 1 (seeds disagree) | A | 4.00 ± 1.41 |" in text
    assert "[0](<synthfaces_default/a-net/seed-0.json>) [1](<" in text
    assert "| [8.00](<synthfaces_default/e-net/seed-0.json>) |" in text
    assert "+3.00 ▲ (3.00 to 3.00; 2 seeds)" in render_markdown(board_of(folder, baseline="A"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in lines[:6]}) == 1


def test_the_baseline_of_the_suite_is_taken(generations):
    assert table_of(generations).baseline == "A (t = 1)"


@pytest.mark.slow
def test_speeds_are_those_measured_where_there_are_any(folder):
    table = table_of(folder)
    assert (table.rate_of, table.rate_href, table.rows[0].rate) == ("", None, None)
    measured = [
        {"name": name, "phase": phase, "size": size, "images_per_second": {"median": rate}}
        for name, phase, size, rate in [
            ("a-net", "infer", 64, 100.0),
            ("a-net", "infer", 64, 140.0),
            ("a-net", "train", 64, 900.0),
            ("b-net", "infer", 64, 50.0),
            ("c-net", "infer", 224, 9.0),
        ]
    ]
    machine = {"name": "A processor", "device": "cpu"}
    document = {"machine": machine, "measurements": measured}
    (folder / "speed.json").write_text(json.dumps(document))
    (folder / "speed2.json").write_text("{}")
    remarks = []
    speeds = read_speeds([folder.parent], remarks)
    assert remarks == [
        f"{folder / 'speed2.json'} is passed over: speeds compare on one machine only"
    ]
    table = table_of(folder, speeds=speeds)
    rows = {row.label: row for row in table.rows}
    assert (rows["A"].rate, rows["B"].rate, rows["C"].rate) == (140, 50, None)
    assert table.rate_href == "speed.json"
    measured[0]["images_per_second"] = {"median": float("inf")}
    (folder / "speed.json").write_text(json.dumps(document))
    assert read_speeds([folder], []).rates == {}
    (folder / "speed.json").unlink()
    assert read_speeds([folder], remarks).rates == {}
    assert remarks[1] == f"{folder / 'speed2.json'} holds no speeds: KeyError"


@pytest.mark.slow
def test_results_that_are_odd_cost_no_page(folder):
    made = write_made_result(folder, "no error", "d-net", FACES, [off(3)])
    data = json.loads(made.read_text())
    del data["evaluations"][0]["metrics"]["mae"]
    made.write_text(json.dumps(data))
    made = write_made_result(folder, "no number", "e-net", FACES, [off(3)])
    file, data = made.with_suffix(".parquet"), json.loads(made.read_text())
    table = pq.read_table(file)
    column = table.schema.get_field_index("estimate")
    nothing = pa.array(np.full(300, np.nan, np.float32))
    pq.write_table(table.set_column(column, table.schema.field(column), nothing), file)
    data["predictions"]["sha256"] = hash_file(file)
    made.write_text(json.dumps(data))
    junk = write_made_result(folder, "junk", "f-net", FACES, [off(3)])
    junk.write_text(json.dumps(json.loads(junk.read_text()) | {"overrides": ["junk"]}))
    board = board_of(folder, baseline="B")
    assert "no error" in render_page(board) and "no error" in render_markdown(board)
    told = " ".join(board.remarks)
    assert "the predictions have an 'estimate' that is no number" in told
    assert "overrides" in told
