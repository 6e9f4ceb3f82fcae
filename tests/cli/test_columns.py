"""Columns of a user's own names, through every command that reads a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly
from click.testing import CliRunner

from agekit.cli import agekit

NAMED = ("--columns", "path=shot,age=taken at", "--columns", "split=part")
SUITE = """
name: own
description: for a test
seeds: [0]
backbones: [resnet10-tiny]
protocols: [{dataset: csv}]
rows:
  - {label: Reg, recipe: reg, preset: quick, epochs: 1, set: {data.size: 32, train.batch_size: 8}}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    lines = ["shot;taken at;part;mood"]
    for i in range(16):
        write_face(tmp_path / "set" / f"{i}.png", age=20 + i, seed=i)
        part = ("train", "train", "val", "test")[i % 4]
        lines.append(f"{i}.png;{20 + i};{part};fine")
    (tmp_path / "set" / "x.csv").write_text("\n".join(lines))
    return tmp_path / "set" / "x.csv"


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(agekit, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_command_takes_them(table: Path, tmp_path: Path) -> None:
    report = run("data", "check", "csv", "--root", table, *NAMED)
    assert report["n"] == 16
    (note,) = [problem["what"] for problem in report["problems"] if problem["kind"] == "note"]
    assert note.endswith("1 column is not used: mood")
    packed = run("data", "pack", "csv", "--root", table, *NAMED, "--out", tmp_path / "x.parquet")
    assert packed["n"] == 16
    chips = ("--out", tmp_path / "chips", "--no-detect", "--size", "32")
    assert run("data", "prepare", "csv", "--root", table, *NAMED, *chips)["n"] == 16

    named = ("--columns", "path=shot", "--set", "data.columns.age=taken at")
    out = tmp_path / "run"
    trained = train_briefly("csv", table, *named, "--set", "data.columns.split=part", out=out)
    kept = json.loads((out / "run.json").read_text())["columns"]
    assert kept == {"path": "shot", "age": "taken at", "split": "part"}
    assert "1 column is not used: mood" in (out / "log.txt").read_text()
    scored = run("evaluate", out, "csv", "--root", table, *NAMED)
    assert scored["n"] == 4
    assert scored["metrics"]["mae"] == pytest.approx(trained["metrics"]["test"]["mae"])


@pytest.mark.slow
def test_the_benchmark_takes_them(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(SUITE)
    options = ("--root", f"csv={table}", "--device", "cpu", *NAMED)
    dry = run("bench", "run", "own.yaml", "--dry-run", *options)
    assert dry["data"][0]["faces"] == {"train": 8, "val": 4, "test": 4}
    assert run("bench", "run", "own.yaml", *options)["done"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--columns", "path"), 2, "'path' is not of the form path=COLUMN"),
        (("--columns", "path=a", "--columns", "path=b"), 2, "path is named twice"),
        (("--columns", "paht=shot"), 1, "there is no column 'paht' to name; did you mean 'path'"),
        (("--columns", "path=shots"), 1, "no column 'shots', as named for path"),
        ((), 1, "no column path and no column age; found: shot, taken at, part, mood"),
    ],
)
def test_mistakes_are_told(
    table: Path,
    arguments: tuple[str, ...],
    code: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from agekit.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["data", "check", "csv", "--root", str(table), *arguments])
    assert ended.value.code == code
    assert told in capsys.readouterr().err
