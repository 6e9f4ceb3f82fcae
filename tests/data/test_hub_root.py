from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agekit_synthfaces import draw, person
from agekit_testkit.hub import LoopbackHub
from PIL import Image

from agekit.data.hub_root import _fetched, local_root
from agekit.data.split import load_faces
from agekit.errors import DataError
from agekit.training.train import train

NAME = "hf://datasets/org/faces"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn faces with their ages, and a program that nobody asked for."""
    folder = tmp_path_factory.mktemp("faces")
    lines = ["path,age,split"]
    for i in range(12):
        Image.fromarray(draw(person(0, i), 20 + i, 32)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{20 + i},{('train', 'train', 'val', 'test')[i % 4]}")
    (folder / "faces.csv").write_text("\n".join(lines) + "\n")
    (folder / "load.py").write_text("raise SystemExit")
    return folder


@pytest.fixture
def hub(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LoopbackHub, str]]:
    """The Hub, and the commit that holds the faces, at the top and in a folder."""
    with LoopbackHub() as hub:
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        commit = hub.put("datasets/org/faces", files)
        hub.put("datasets/org/deep", {f"a/b/{name}": data for name, data in files.items()})
        hub.put("org/model", {"faces.csv": files["faces.csv"]})
        for key, value in hub.env.items():
            monkeypatch.setenv(key, value)
        # The client has read it when it was imported.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        _fetched.cache_clear()
        yield hub, commit


def test_a_dataset_of_the_hub_is_that_of_its_files(
    hub: tuple[LoopbackHub, str], folder: Path
) -> None:
    loopback, commit = hub
    here = load_faces("csv", folder)
    for root in (NAME, Path(NAME), f"{NAME}/", f"{NAME}@main", f"{NAME}@{commit}"):
        there = load_faces("csv", root)
        assert there.split_hash == here.split_hash
        assert there.table.images.read(3) == here.table.images.read(3)
    assert load_faces("csv", "hf://datasets/org/deep/a/b").split_hash == here.split_hash
    assert not list(Path(local_root(NAME)).glob("*.py"))
    asked = len(loopback.requests)
    load_faces("csv", NAME)
    assert len(loopback.requests) == asked, "once a process"


@pytest.mark.parametrize(
    ("root", "told"),
    [
        ("hf://datasets/org/none", "the Hub has no dataset org/none"),
        ("hf://datasets/org/model", "the Hub has no dataset org/model"),
        (f"{NAME}@v9", "has no revision v9"),
        ("hf://org/faces", "is no dataset of the Hub"),
        ("hf://datasets/faces", "is no dataset of the Hub"),
        (f"{NAME}/../../secret", "is no dataset of the Hub"),
        (f"{NAME}/none", "no such folder"),
    ],
)
def test_what_is_not_there(hub: tuple[LoopbackHub, str], root: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        load_faces("csv", root)


def test_a_hub_that_fails(hub: tuple[LoopbackHub, str]) -> None:
    hub[0].fail(500)
    with pytest.raises(DataError, match=NAME):
        load_faces("csv", NAME)


@pytest.mark.slow
def test_by_the_command_and_then_without_a_network(
    hub: tuple[LoopbackHub, str], tmp_path: Path
) -> None:
    loopback, commit = hub

    def check(root: str, **more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "agekit", "data", "check", "csv", "--root", root, "--json"]
        env = os.environ | loopback.env | {"AGEKIT_CACHE": str(tmp_path / "agekit")} | more
        return subprocess.run(words, env=env, capture_output=True, text=True, timeout=300)

    done = check(NAME)
    assert done.returncode == 0, done.stderr
    assert "12" in done.stdout
    assert f"{NAME}@{commit} names these files for good" in done.stderr
    again = check(f"{NAME}@{commit}", HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert "for good" not in again.stderr
    lost = check(f"{NAME}@{commit}", HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(tmp_path / "empty"))
    assert lost.returncode == 1
    assert "is not in the cache, and the Hub cannot be reached" in lost.stderr


@pytest.mark.slow
def test_a_run_keeps_the_commit_it_was_trained_on(
    hub: tuple[LoopbackHub, str], tmp_path: Path
) -> None:
    small = ["data.size=32", "train.epochs=1"]
    train(
        "reg-resnet10-tiny", "csv", root=NAME, overrides=small, device="cpu", out=tmp_path / "run"
    )
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert Path(run["root"]).name == hub[1] and (Path(run["root"]) / "faces.csv").is_file()
