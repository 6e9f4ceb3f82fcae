"""`agekit bench speed`: what is checked before anything is timed, and what outlives a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from agekit_bench.cli.speed import speed
from agekit_bench.speed.timing import Measurement
from click.testing import CliRunner, Result

from agekit.errors import ConfigError

SMALL = ("--infer", "--batch-sizes", "1", "--size", "32", "--seconds", "0.05", "--device", "cpu")


@pytest.fixture(autouse=True)
def _denormals():
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were timed; nothing is."""
    names: list[str] = []

    def attempt(workload, batch, device, *, seconds):
        names.append(workload.name)
        return Measurement(workload.name, "recipe", workload.phase, batch, batch, 32, "fp32")

    monkeypatch.setattr("agekit_bench.speed.timing.attempt", attempt)
    return names


def run(*arguments: str) -> Result:
    return CliRunner().invoke(speed, arguments)


@pytest.mark.slow
def test_one_that_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    done = run("reg-resnet10-tiny", "or-cnn", *SMALL, "--json", "--out", str(out))
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)["measurements"]
    assert first["images_per_second"]["median"] > 0 and first["error"] is None
    assert (second["name"], second["images_per_second"]) == ("or-cnn", None)
    assert "cannot take images of 32 x 32 pixels" in second["error"]
    assert "--size N" in second["error"] and "--set" not in second["error"]
    assert json.loads(out.read_text(encoding="utf-8")) == json.loads(done.stdout)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("folder", "is a folder"),
        ("file/speed.json", "file is no folder"),
        ("file/deep/speed.json", "file is no folder"),
        ("file", "is there already, and not from `bench speed`"),
        ("other.json", "is there already, and not from `bench speed`"),
    ],
)
def test_where_it_cannot_write_it_measures_nothing(tmp_path, timed, place, said) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "other.json").write_text('{"machine": {}}')
    done = run("reg-resnet10-tiny", *SMALL, "--out", str(tmp_path / place))
    assert isinstance(done.exception, ConfigError)
    assert said in done.exception.message and "--out" in done.exception.message
    assert timed == []
    assert (tmp_path / "file").read_text() == "mine"


def test_it_replaces_what_it_wrote_and_prints_before_it_writes(tmp_path, timed, monkeypatch):
    out = tmp_path / "speed.json"
    for _ in range(2):
        assert run("reg-resnet10-tiny", *SMALL, "--out", str(out)).exit_code == 0
    assert timed == ["reg-resnet10-tiny"] * 2

    def full(path, text):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("agekit.atomic.write_text", full)
    done = run("reg-resnet10-tiny", *SMALL, "--out", str(out))
    assert isinstance(done.exception, OSError)
    assert "reg-resnet10-tiny" in done.stdout


@pytest.mark.parametrize(
    ("phases", "is_said"), [(("--train", "--infer"), True), ((), True), (("--infer",), False)]
)
def test_a_training_that_is_left_out_is_said(timed, phases, is_said) -> None:
    done = run("cyclegan", *phases, *SMALL[1:])
    assert done.exit_code == 0, done.output
    assert ("cyclegan: training is left out: its evolver lists no" in done.stderr) == is_said
    assert timed == ["cyclegan"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seconds", "nan"),
        ("--seconds", "inf"),
        ("--seconds", "-inf"),
        ("--batch-sizes", "1000000000000000000"),
        ("--batch-sizes", "1048577"),
    ],
)
def test_numbers_that_cannot_be_are_wrong_usage(timed, option, value) -> None:
    done = run("reg-resnet10-tiny", option, value)
    assert done.exit_code == 2
    assert value in done.output
    assert timed == []
