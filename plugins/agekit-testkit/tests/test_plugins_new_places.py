"""`agekit plugins new --out`: what cannot be made is named as it was asked for, nothing is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from agekit_testkit.scaffold import write
from agekit_testkit.scaffold.command import new
from click.testing import CliRunner

from agekit.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").write_text("mine")
    return tmp_path


def refused(out: str) -> str:
    done = CliRunner().invoke(new, ["huber", "--out", out])
    assert isinstance(done.exception, ConfigError)
    assert "--out" in done.exception.hint
    assert f".{os.getpid()}" not in done.exception.message
    return done.exception.message


@pytest.mark.parametrize("out", ["afile/sub", "afile/deep/sub"])
def test_a_parent_that_is_a_file_is_named(here: Path, out: str) -> None:
    said = refused(out)
    assert said.startswith(f"{out} cannot be made: ")
    assert said.endswith("afile: it is there, and is no folder")
    assert [path.name for path in here.iterdir()] == ["afile"]


def test_folders_made_on_the_way_are_not_left_behind(here: Path) -> None:
    assert refused("pn/deep/..").startswith("pn/deep/.. cannot be made: ")
    assert [path.name for path in here.iterdir()] == ["afile"]


@pytest.mark.parametrize("out", ["zz", "deep/er/zz"])
def test_where_nothing_can_be_written_the_folder_asked_for_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    def fail(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(write.os, "rename", fail)
    assert refused(out) == f"{out} cannot be made: Permission denied"
    assert [path.name for path in here.iterdir()] == ["afile"]


def test_folders_above_are_made(here: Path) -> None:
    done = CliRunner().invoke(new, ["huber", "--out", "deep/er/zz"])
    assert done.exit_code == 0, done.output
    assert (here / "deep/er/zz/pyproject.toml").is_file()
    assert [path.name for path in (here / "deep/er").iterdir()] == ["zz"]


def test_the_readme_brings_a_pip_that_knows_groups(here: Path) -> None:
    assert CliRunner().invoke(new, ["huber"]).exit_code == 0
    lines = (here / "agekit-huber/README.md").read_text(encoding="utf-8").splitlines()
    upgrade = lines.index("python -m pip install --upgrade pip")
    assert lines[upgrade + 1] == "pip install -e . --group dev"


def test_the_guide_brings_a_pip_that_knows_groups() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert 0 < guide.index("python -m pip install --upgrade pip") < guide.index("--group dev")
