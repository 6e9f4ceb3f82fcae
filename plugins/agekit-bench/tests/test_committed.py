"""The results and the leaderboard of this repository hold together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from agekit_bench.catalog import find_suites
from agekit_bench.predictions import read_predictions
from agekit_bench.report.build import gather, make_leaderboard
from agekit_bench.report.html import render_page
from agekit_bench.report.markdown import render_markdown
from agekit_bench.result_files import predictions_path, read_speeds

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
RESULTS, BOARD = BENCHMARKS / "results", BENCHMARKS / "leaderboard"
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def test_every_result_is_valid_clean_and_has_its_predictions() -> None:
    remarks: list[str] = []
    found = gather([RESULTS], remarks=remarks)
    assert remarks == [] and len(found) == len(list(RESULTS.rglob("seed-*.json")))
    for path, result in found.items():
        assert result.status == "done" and result.suite in find_suites()
        assert result.code is not None and result.code.clean, path
        assert predictions_path(path).is_file()
        assert len(read_predictions(path, result)) >= result.final.n, path


@pytest.mark.parametrize("name", ["leaderboard.md", "index.html"])
def test_the_leaderboard_is_what_the_results_give(name: str) -> None:
    remarks: list[str] = []
    found = gather([RESULTS], remarks=remarks)
    speeds = read_speeds([RESULTS], remarks)
    board = make_leaderboard(found, BOARD, speeds=speeds, remarks=remarks)
    made = render_markdown(board) if name.endswith(".md") else render_page(board)
    kept = (BOARD / name).read_text(encoding="utf-8")
    assert NUMBER.sub("0", made) == NUMBER.sub("0", kept)
    for mine, its in zip(NUMBER.findall(made), NUMBER.findall(kept), strict=True):
        assert float(mine) == pytest.approx(float(its), abs=0.11), (mine, its)
