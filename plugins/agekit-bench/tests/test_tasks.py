"""Suites of any task: it is asked what is scored, how, and which figure is the better one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_bench.catalog import load_suite
from agekit_bench.cells import cells
from agekit_bench.process import run_cell
from agekit_bench.result_files import read_results
from agekit_bench.spec import CellSpec, CrossSpec
from agekit_bench.speed.workload import Asked, workloads
from agekit_bench.submit import check
from agekit_testkit.results import draw_faces, write_made_result

from agekit.cli import main

ROWS = """
  - {label: Slow, recipe: gender, epochs: 1, set: {data.size: 32, train.optimizer.lr: 1.0e-6}}
  - {label: Quick, recipe: gender, epochs: 1, set: {data.size: 32}}
  - {label: Ages, recipe: reg, epochs: 1, set: {data.size: 32}}
"""


def report(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "report", *map(str, words)])
    assert not ended.value.code


def gender(folder: Path, row: str, accuracy: list[float], **changes: object) -> None:
    """A made result of a row for each seed."""
    faces = draw_faces(4)
    for seed, value in enumerate(accuracy):
        path = write_made_result(folder, row, f"{row}-resnet18", faces, [[1, 2, 3, 4]], seed=seed)
        told = json.loads(path.read_text()) | {"kind": "gender", "predictions": None} | changes
        told["evaluations"][0] |= {"metrics": {"balanced_accuracy": value}, "by": {}}
        path.write_text(json.dumps(told))


def board(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    report(folder, "--json")
    found: dict = json.loads(capsys.readouterr().out)["leaderboard"]["standings"][0]
    return found


@pytest.mark.slow
def test_a_suite_of_another_task_is_run_reported_and_ranked(
    write_suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, out = load_suite(write_suite(ROWS)), tmp_path / "out"
    here = {"root": None, "weights": None, "device": "cpu", "threads": 1, "judges": []}
    cross = CrossSpec(dataset="synthfaces", protocol="tiny", split="val")
    for cell in cells(suite):
        spec = CellSpec.of(cell, out, **here, cross=[] if cell.kind == "estimator" else [cross])
        folder = cell.folder(out)
        folder.mkdir(parents=True)
        run_cell(folder, spec)
        assert spec.identity == cell.identity
    results = {result.row: result for result in read_results(out)}
    quick = results["Quick"]
    assert (quick.kind, quick.predictions, quick.backbone) == ("gender", None, "resnet10-tiny")
    assert 0 <= quick.final.metrics["balanced_accuracy"] <= 1
    assert {"recall/male", "recall/female", "accuracy"} <= quick.final.metrics.keys()
    assert [e.split for e in quick.evaluations] == ["test", "val"]
    assert "rule" not in quick.facts and results["Ages"].facts["rule"] is not None
    assert results["Ages"].predictions is not None

    standing = board(out, capsys)
    tables = {t["ranking"]["name"]: t for t in standing["tables"] if t["split"] == "test"}
    assert set(tables) == {"mae", "balanced_accuracy"}
    rows = tables["balanced_accuracy"]["rows"]
    told = [results[row["label"]].final.metrics["balanced_accuracy"] for row in rows]
    assert told == sorted(told, reverse=True)
    assert [row["rank"] for row in rows] == [1, 1 if told[0] == told[1] else 2]
    assert rows[0]["rank_note"] == "one seed"
    page = (out / "index.html").read_text(), (out / "leaderboard.md").read_text()
    assert all("Balanced accuracy, %" in text and "more is better" in text for text in page)


@pytest.mark.slow
def test_more_of_a_figure_is_better_where_its_task_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that trainings do not tell apart share a rank."""
    gender(tmp_path, "good", [0.90, 0.91, 0.92])
    gender(tmp_path, "like", [0.91, 0.90, 0.90])
    gender(tmp_path, "bad", [0.70, 0.71, 0.72])
    gender(tmp_path, "lacks", [0.99, 0.99, 0.99])
    lacking = next(tmp_path.glob("*/lacks-*/seed-1.json"))
    lacking.write_text(lacking.read_text().replace("balanced_accuracy", "accuracy"))
    (table,) = board(tmp_path, capsys)["tables"]
    found = [(row["label"], row["rank"]) for row in table["rows"]]
    assert found == [("good", 1), ("like", 1), ("bad", 3), ("lacks", None)]
    assert "not every training has the figure balanced_accuracy" in table["rows"][3]["flags"][-1]
    assert table["flags"][0].startswith("ranked by Balanced accuracy, more is better")
    assert not any("per-face" in flag for row in table["rows"] for flag in row["flags"])


@pytest.mark.slow
def test_results_of_a_task_that_is_not_here_are_shown_and_not_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gender(tmp_path, "odd", [0.9], kind="moods")
    (table,) = board(tmp_path, capsys)["tables"]
    assert table["ranking"] is None and table["rows"][0]["rank"] is None
    assert "nothing says by what to rank it: not ranked" in table["rows"][0]["flags"]
    path = next(tmp_path.glob("*/*/seed-0.json"))
    verdict = check(path, tmp_path / "into", {})
    assert any(reason.startswith("kind: ") for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"metrics": {"mae": 1.0}}, "metrics.mae is no figure of a gender classifier"),
        ({"predictions": True}, "a gender classifier has no predictions"),
    ],
)
def test_what_is_submitted_has_the_figures_of_its_task(
    tmp_path: Path, changes: dict, reason: str
) -> None:
    gender(tmp_path, "good", [0.9])
    path = next(tmp_path.glob("*/*/seed-0.json"))
    told = json.loads(path.read_text())
    told["evaluations"][0] |= {k: v for k, v in changes.items() if k == "metrics"}
    if changes.get("predictions"):
        told["predictions"] = {"file": "seed-0.parquet", "sha256": "0" * 64, "rows": 4}
    path.write_text(json.dumps(told))
    verdict = check(path, tmp_path / "into", {})
    assert verdict.reasons == ([reason] if reason else [])
    assert any("cannot be computed again" in remark for remark in verdict.remarks)


def test_the_speed_of_any_task_is_measured() -> None:
    import torch

    (inference,) = workloads("gender-resnet10-tiny", Asked(size=32))
    run, parameters = inference.prepare(2, torch.device("cpu"))
    found = run()
    assert isinstance(found, torch.Tensor) and found.shape == (2,) and parameters > 1_000_000
