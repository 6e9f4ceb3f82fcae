from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_testkit.shades import write_ager, write_faces, write_judge, write_parts


@pytest.mark.slow
def test_agers_are_evaluated_from_the_command_line(
    write_plugin: Callable[..., Path], run_warm: Callable, tmp_path: Path
) -> None:
    write_parts(write_plugin)
    write_ager(tmp_path / "ager", 7, -14)
    write_judge(tmp_path / "judge")
    write_faces(tmp_path / "faces")
    home = {"AGEKIT_CACHE": str(tmp_path / "cache")}
    command = ("evaluate", "ager", "csv", "--root", "faces")
    judged = (*command, "--judge", "judge", "--domains", "20-29,50-59")

    done = run_warm(*judged, **home)
    assert done.returncode == 0, done.stderr
    assert "csv:auto, test, 20 faces" in done.stdout
    rows = {line[:12]: line.split() for line in done.stdout.splitlines() if "halves" in line}
    assert rows["young to old"][3:8] == ["halves", "10", "0", "7.0", "7.0"]
    assert rows["old to young"][8:11] == ["100.0", "0.0", "0.0"]
    assert "-14.00" in rows["old to young"]
    assert "kid_halves" in rows["kid_halves  "]

    done = run_warm(*judged, "--where", "gender=female", "--json", **home)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["model"], answer["n"]) == ("ager", 10)
    assert answer["metrics"]["young"]["judges"]["halves"]["over_10"] == 100

    done = run_warm(*command, **home)
    assert done.returncode == 1
    assert "error: an ager needs a judge" in done.stderr
    assert "hint: give --judge" in done.stderr
    assert "Traceback" not in done.stderr
