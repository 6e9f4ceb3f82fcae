"""`agekit bench submit` adds every file or none."""

from __future__ import annotations

import os

import numpy as np
import pytest
from agekit_bench import submit as adding
from agekit_bench.cli.submit import submit
from agekit_bench.pull_request import pull_request
from agekit_bench.result_files import read_result
from agekit_bench.submit import Verdict, add, check
from agekit_testkit.results import draw_faces, write_made_result
from click.testing import CliRunner

from agekit.errors import DataError

FACES = draw_faces(30)
GUESS = FACES.age + np.linspace(-6, 8, 30)
PLACE = "made/synthfaces_default"


@pytest.fixture
def sent(tmp_path):
    recipes = ("cen-resnet10-tiny", "ldl-resnet10-tiny")
    return [write_made_result(tmp_path / r[:3], r[:3], r, FACES, [GUESS]) for r in recipes]


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_all_are_added_and_nothing_else_is_left(sent, tmp_path):
    results = tmp_path / "results"
    done = CliRunner().invoke(submit, [*map(str, sent), "--into", str(results)])
    assert done.exit_code == 0, done.output
    assert [name for name in everything(results) if "seed" in name] == [
        f"{PLACE}/{recipe}-resnet10-tiny/seed-0.{ending}"
        for recipe in ("cen", "ldl")
        for ending in ("json", "parquet")
    ]
    title, _, body = done.output.partition("The text of the pull request:\n\n")[2].partition("\n\n")
    assert title.startswith("Add 2 results to ") and len(title) < 100
    assert body.count("0123456789abcdef") == 2 and "cen-resnet10-tiny" in body
    assert "To look at:" in body and "seed-0.json: " in body


def test_a_pull_request_holds_no_table_of_others(tmp_path):
    row = "evil | <b>\x1b[31m"
    path = write_made_result(tmp_path, row, "cen-resnet10-tiny", FACES, [FACES.age])
    verdict = Verdict(path, read_result(path), path, [], [])
    text = pull_request([verdict])
    assert "\x1b" not in text and r"| evil \| <b>" in text


def test_a_file_where_a_folder_is_wanted_adds_nothing(sent, tmp_path):
    results = tmp_path / "results"
    (results / PLACE).mkdir(parents=True)
    blocking = results / PLACE / "ldl-resnet10-tiny"
    blocking.write_text("mine")
    before = everything(results)
    done = CliRunner().invoke(submit, [*map(str, sent), "--into", str(results)])
    assert isinstance(done.exception, DataError)
    assert f"nothing was added: {blocking} cannot be" in done.exception.message
    assert "it is there, and is no folder" in done.exception.message
    assert "--into" in done.exception.hint
    assert everything(results) == before
    assert "added as" not in done.output


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_what_was_placed_is_taken_back(sent, tmp_path, monkeypatch, failing):
    results = tmp_path / "results"
    old = results / PLACE / "cen-resnet10-tiny/seed-0.parquet"
    old.parent.mkdir(parents=True)
    old.write_text("left by somebody")
    before = everything(results)
    verdicts = [check(path, results, {}) for path in sent]
    rename, placed = os.rename, []

    def fail(source, target):
        if str(target).endswith((".json", ".parquet")):
            placed.append(target)
            if len(placed) == failing:
                raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(adding.os, "rename", fail)
    with pytest.raises(DataError, match=r"seed-0\.\w+ cannot be .* No space left on device"):
        add(verdicts)
    assert everything(results) == before
    assert old.read_text() == "left by somebody"
