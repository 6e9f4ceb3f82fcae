from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agekit_datasets.packs.command import pack
from agekit_datasets.packs.shards import read_shards
from agekit_synthfaces import write_face
from click.testing import CliRunner, Result

from agekit.cli import agekit


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(6):
        write_face(tmp_path / "set" / f"{20 + i}_{i}.png", age=20 + i, seed=i)
    (tmp_path / "set" / "30_bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "set" / "notes.txt").touch()
    return tmp_path / "set"


def run(*arguments: object, catch: bool = False) -> Result:
    given = ["data", "pack", "folder", *map(str, arguments)]
    return CliRunner().invoke(agekit, given, catch_exceptions=catch)


def test_the_answer_as_json(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.parquet"
    result = run("--root", root, "--out", out, "--size", 32, "--json")
    assert result.exit_code == 0
    answer: dict[str, Any] = json.loads(result.stdout)
    assert answer.pop("seconds") > 0
    assert answer.pop("bytes") == out.stat().st_size
    (left_out,) = answer.pop("left_out")
    assert left_out["name"] == "30_bad.png" and "corrupt" in left_out["reason"]
    assert answer == {
        "dataset": "folder",
        "out": str(out),
        "files": [str(out)],
        "n": 6,
        "size": 32,
        "format": "webp",
        "quality": 82,
        "problems": [{"kind": "name", "count": 1}],
    }
    manifest = read_shards(out).manifest
    assert manifest is not None and manifest.rows == 6


def test_the_answer_for_people(root: Path, tmp_path: Path) -> None:
    result = run("--root", root, "--out", tmp_path / "shards", "--shard-size", "0.2MB")
    assert result.exit_code == 0
    first, second, third, *table = result.stdout.splitlines()
    assert first.startswith(f"packed 6 faces of folder into {tmp_path}/shards: 0.0 MB in 1 file, ")
    assert second == "not or only in part read: name 1; see agekit data check folder"
    assert third == "left out, cannot be decoded: 1"
    assert "30_bad.png" in "\n".join(table)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--root", "x"], "Missing option '--out'"),
        (["--out", "x.parquet", "--shard-size", "1GB"], "--shard-size is for a folder"),
        (["--out", "x", "--shard-size", "lots"], "'lots' is no size such as 256MB"),
        (["--out", "x", "--shard-size", "1e6"], "'1e6' is no size"),
        (["--out", "x", "--shard-size", "5kB"], "less than 100 kB"),
        (["--out", "x", "--quality", "80"], "quality says nothing"),
        (["--out", "x", "--format", "png", "--quality", "80"], "PNG has no quality"),
        (["--out", "x", "--size", "2"], "not in the range"),
        (["--out", "x", "--format", "gif"], "'gif' is not one of"),
    ],
)
def test_wrong_usage(arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert text in " ".join(result.stderr.split())


SIZES = {"256MB": 256e6, "1.5 GB": 1.5e9, "500MiB": 500 * 2**20, "200k": 2e5, "123456": 123456}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_sizes(text: str, size: float) -> None:
    context = pack.make_context("pack", ["folder", "--out", "x", "--shard-size", text])
    assert context.params["shard_size"] == size


@pytest.mark.slow
def test_errors_reach_people_in_one_line(
    root: Path, tmp_path: Path, run_agekit: Callable[..., Any]
) -> None:
    taken = tmp_path / "x.parquet"
    taken.write_bytes(b"mine")
    done = run_agekit("data", "pack", "folder", "--root", str(root), "--out", str(taken))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: {taken}: is already there",
        "  hint: pass --force to replace it",
    ]
    assert taken.read_bytes() == b"mine"
    done = run_agekit("data", "pack", "nothing", "--out", "y.parquet")
    assert done.returncode == 1 and "Traceback" not in done.stderr
