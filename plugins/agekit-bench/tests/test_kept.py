from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from agekit_bench.catalog import find_snapshot, load_suite, save_snapshot
from agekit_bench.report.build import gather, make_leaderboard
from agekit_testkit.results import draw_faces, write_made_result

pytestmark = pytest.mark.slow

SUITE = """
name: mine
description: for a test
protocols: [{dataset: synthfaces}]
baseline: A
rows:
  - {label: B, recipe: parts/b-net.yaml, preset: null}
  - {label: A, recipe: reg-resnet10-tiny, set: {train.lr: 0.1}}
  - {label: C, recipe: ldl-resnet10-tiny, shown: false}
claims:
  - {text: B errs less, row: B, beats: [A]}
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A suite whose file is not called as it is, in a folder that nobody knows."""
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "suite.yaml"
    path.write_text(SUITE)
    return path


def test_a_kept_suite_is_the_suite(written: Path, tmp_path: Path) -> None:
    suite, out = load_suite(written), tmp_path / "results"
    save_snapshot(suite, out)
    kept = load_suite(out / "mine.suite.yaml")
    assert Path(kept.rows[0].recipe).resolve() == tmp_path / "own" / "parts" / "b-net.yaml"
    assert yaml.safe_load((out / "mine.suite.yaml").read_text())["rows"][0]["recipe"].startswith(
        "../own"
    )
    assert kept.rows[0].model_fields_set == suite.rows[0].model_fields_set
    assert kept.model_dump(exclude={"rows"}) == suite.model_dump(exclude={"rows"})
    assert kept.rows[1:] == suite.rows[1:]
    save_snapshot(suite.model_copy(update={"baseline": None}), out)
    assert load_suite(out / "mine.suite.yaml").baseline is None


def test_a_file_of_that_name_that_is_no_copy_is_let_be(written: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.suite.yaml"
    own.write_text(SUITE)
    save_snapshot(load_suite(written), tmp_path)
    assert own.read_text() == SUITE


def test_the_suite_beside_results_is_theirs(written: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    here = out / "synthfaces_default" / "a-net" / "seed-0.json"
    assert find_snapshot("mine", [here]) is None
    assert find_snapshot("methods", [here]) == load_suite("methods")
    save_snapshot(load_suite(written), out)
    found = find_snapshot("mine", [here])
    assert found is not None and found.baseline == "A"


def test_a_leaderboard_takes_baseline_claims_and_hidden_rows_from_it(
    written: Path, tmp_path: Path
) -> None:
    faces, out = draw_faces(100), tmp_path / "results"
    signs = np.where(np.arange(100) % 2, 1, -1)
    for label, recipe, error in (("A", "a-net", 4), ("B", "b-net", 3), ("C", "c-net", 2)):
        for seed in (0, 1):
            guess = [faces.age + error * signs]
            write_made_result(out, label, recipe, faces, guess, suite="mine", seed=seed)
    alone = make_leaderboard(gather([out]), out)
    assert alone.standings[0].tables[0].baseline is None
    assert alone.remarks == ["baseline and claims of the suite mine, which is not known here"]

    save_snapshot(load_suite(written), out)
    board = make_leaderboard(gather([out]), out)
    (table,) = board.standings[0].tables
    assert (table.baseline, [row.label for row in table.rows]) == ("A", ["B", "A"])
    assert [answer.holds for finding in table.findings for answer in finding.answers] == [True]
    assert board.remarks == []

    (out / "mine.suite.yaml").write_text("name: [")
    (remark,) = make_leaderboard(gather([out]), out).remarks
    assert remark.startswith("the suite mine is not used: cannot read the suite ")
