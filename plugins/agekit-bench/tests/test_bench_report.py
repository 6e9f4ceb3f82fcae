from __future__ import annotations

import json
import os

import numpy as np
import pytest
from agekit_bench.cli.report import report
from agekit_bench.result import CellError
from agekit_testkit.results import draw_faces, write_failure, write_made_result
from click.testing import CliRunner

from agekit.errors import ConfigError
from tests import warm

pytestmark = pytest.mark.slow

FACES = draw_faces(150)
NOISE = np.random.default_rng(0).normal(0, 4, 150)


def run(folder, *arguments):
    return warm.run("bench", *arguments, cwd=folder, env={**os.environ, "COLUMNS": "200"})


@pytest.fixture
def place(tmp_path):
    """A folder in which `bench/made` has two rows and a failure."""
    folder = tmp_path / "bench" / "made"
    write_made_result(folder, "A", "a-net", FACES, [FACES.age + NOISE])
    write_made_result(folder, "B", "b-net", FACES, [FACES.age + 3 * NOISE])
    write_failure(folder, "C", "c-net", 0, CellError(kind="diverged", message="not finite"))
    return tmp_path


def test_report_writes_both_files_the_same_each_time(place):
    done = run(place, "report", "--baseline", "B")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 results: bench/index.html and bench/leaderboard.md\n"
    first = [(place / "bench" / name).read_bytes() for name in ("index.html", "leaderboard.md")]
    assert run(place, "report", "bench", "--baseline", "B", "--out", "bench").returncode == 0
    again = [(place / "bench" / name).read_bytes() for name in ("index.html", "leaderboard.md")]
    assert first == again
    assert b"not finite" in first[0]
    assert "−" in first[1].decode()


def test_report_as_json(place):
    (place / "bench" / "made" / "seed-7.json").write_text("{}")
    done = run(place, "report", "bench/made", "--out", "site", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["page"] == "site/index.html"
    assert document["results"] == 3
    (standing,) = document["leaderboard"]["standings"]
    rows = standing["tables"][0]["rows"]
    assert [(row["label"], row["rank"]) for row in rows] == [("A", 1), ("B", 2)]
    assert {row["rank_note"] for row in rows} == {"one seed"}
    assert rows[0]["metrics"]["mae"]["std"] is None
    assert rows[0]["runs"][0]["href"].startswith("../bench/made/")
    assert "seed-7.json is not a valid result" in done.stderr


OWN = """
name: made
description: a suite of my own
protocols: [{dataset: synthfaces}]
baseline: B
rows: [{label: A, recipe: reg-net}, {label: B, recipe: ldl-net}]
claims: [{text: A errs less, row: A, beats: [B]}]
"""


def test_report_of_a_suite_of_ones_own(place, monkeypatch):
    other = place / "bench" / "other"
    write_made_result(other, "Z", "z-net", FACES, [FACES.age + NOISE], suite="other")
    (place / "own").mkdir()
    (place / "own" / "my.suite.yaml").write_text(OWN)
    monkeypatch.setenv("AGEKIT_SUITES", str(place / "own"))
    monkeypatch.chdir(place)
    page = place / "bench" / "leaderboard.md"
    assert CliRunner().invoke(report, []).exit_code == 0
    assert "## made" in page.read_text() and "## other" in page.read_text()
    for name in ("own/my.suite.yaml", str(place / "own" / "my.suite.yaml"), "my.suite", "made"):
        assert CliRunner().invoke(report, ["--suite", name]).exit_code == 0
        text = page.read_text()
        assert "## made" in text and "## other" not in text and "MORPH" not in text
        assert ("a suite of my own" in text) == ("baseline: B" in text) == name.endswith("yaml")
        assert ("A errs less" in text) == name.endswith("yaml")
    with pytest.raises(ConfigError, match="cannot read the suite gone"):
        CliRunner().invoke(report, ["--suite", "gone.yaml"], catch_exceptions=False)


def test_report_of_a_papers_suite_without_results(tmp_path):
    done = run(tmp_path, "report", "--suite", "table3", "--out", "pages")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "pages" / "leaderboard.md").read_text()
    assert "| CEN(ResNet10-Tiny) (pre-trained on IMDB-WIKI) | 3.052 | waiting | 0.274 |" in text
    assert "agekit bench run table3 --root chalearn15=DIR" in text
    assert "MORPH" not in text


def test_a_suite_that_nobody_knows_makes_no_page(tmp_path):
    done = run(tmp_path, "report", "--suite", "mad")
    assert done.returncode == 1
    assert "no results are of a suite 'mad', and no paper's table is behind it" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "none"], "error: none is not there"),
        (["report", "empty"], "error: there are no results below empty"),
        (["report", "bench", "--suite", "mad"], "no results of the suite 'mad' below bench"),
        (["report", "bench", "--baseline", "Z"], "error: no row is called 'Z'"),
        (["report", "--suite", "mad"], "no results of the suite 'mad' below bench"),
        (["report", "bench", "--out", "file"], "file is a file, and the page is of two"),
    ],
)
def test_what_cannot_be_reported(place, arguments, message):
    (place / "empty").mkdir()
    (place / "file").touch()
    page = place / "bench" / "index.html"
    page.write_text("as before")
    done = run(place, *arguments)
    assert done.returncode == 1
    assert page.read_text() == "as before"
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_submit_adds_refuses_and_tells_every_reason(place):
    files = [str(path) for path in sorted((place / "bench").rglob("seed-0.json"))]
    good, bad = files[0], files[1]
    tried = run(place, "submit", good, "--into", "all", "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert not (place / "all").exists()

    data = json.loads((place / bad).read_text())
    data["evaluations"][0]["metrics"]["mae"] = 1.0
    data["parameters"] = 0
    (place / bad).write_text(json.dumps(data))
    done = run(place, "submit", good, bad, files[2], "--into", "all")
    assert done.returncode == 1
    assert "2 of 3 result files are refused, nothing was added" in done.stderr
    assert "metrics.mae is 1.0000, by the predictions" in done.stderr
    assert "0 is no number of parameters" in done.stderr
    assert "the cell failed" in done.stderr
    assert not (place / "all").exists()

    done = run(place, "submit", good, "--into", "all", "--json")
    assert done.returncode == 0, done.stderr
    (verdict,) = json.loads(done.stdout)
    assert verdict["added"]
    assert (place / verdict["target"]).is_file()
    assert run(place, "report", "all", "--json").returncode == 0
