"""No option is dropped: what means nothing beside another is wrong usage, or told."""

from __future__ import annotations

from pathlib import Path

import pytest

from agekit.cli import main

WRONG = [
    ("age x.jpg --no-judge --judge some", "--no-judge asks nobody", "--judge"),
    ("age x.jpg --no-detect --faces largest", "--no-detect takes each image", "--faces"),
    ("predict x.jpg --no-detect --faces all", "--no-detect takes each image", "--faces"),
    ("convert x --to reference --out o --size 64", "written to checkpoints as it is", "--size"),
    ("convert x --to reference --out o --margin 0.1", "checkpoints as it is", "--margin"),
    ("convert x --to reference --out o --name n", "checkpoints as it is", "--name"),
    ("convert x --to reference --out o --evolver e", "checkpoints as it is", "--evolver"),
    ("convert x --to reference --out o --both-from-one", "checkpoints", "--both-from-one"),
    ("convert x y --to agekit --out o --both-from-one", "each direction", "--both-from-one"),
    ("bench list --only a", "the suites are listed", "--only"),
    ("bench list --seeds 0,1 --epochs 3", "the suites are listed", "--seeds, --epochs"),
    ("bench list --device cpu --out o", "the suites are listed", "--device, --out"),
    ("bench speed cen-resnet10-tiny --infer --preset quick", "only recipes have", "--preset"),
    ("data prepare csv --out o --format png --quality 90", "png has no quality", "--quality"),
    ("zoo list --json --quiet", "--json answers with all", "--quiet"),
]


@pytest.mark.parametrize(("line", "why", "names"), WRONG, ids=[line for line, _, _ in WRONG])
def test_options_that_would_be_dropped_are_wrong_usage(
    line: str, why: str, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(line.split())
    err = capsys.readouterr().err
    assert stopped.value.code == 2, err
    assert why in err and err.rstrip().endswith(f"leave out {names}")


def test_a_judge_that_no_cell_asks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "mine.yaml"
    suite.write_text(
        "name: mine\ndescription: d\nseeds: [0]\n"
        "protocols: [{dataset: synthfaces, protocol: tiny}]\n"
        "rows: [{label: a, recipe: reg-resnet10-tiny}]\n"
    )
    monkeypatch.chdir(tmp_path)
    judge = ("--judge", "cen-resnet10-tiny")
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "run", str(suite), "--dry-run", "--device", "cpu", *judge])
    assert stopped.value.code == 1
    assert "--judge: none of these cells of mine is scored by judges" in capsys.readouterr().err
