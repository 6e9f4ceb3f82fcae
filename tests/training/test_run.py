"""A run's folder: whose files are touched, and how damage is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agekit.atomic import aside_of
from agekit.errors import ConfigError, ModelError
from agekit.training.run import Run

INFO = {
    "name": "a-b", "recipe": "a", "dataset": "b", "protocol": "b:c", "split_hash": "0", "seed": 3,
    "root": None, "device": "cpu", "device_name": "some",
}  # fmt: skip
METRICS = {
    "generation": 1,
    "interval": {"level": 0.9, "margin": 2.5, "calibrated_on": "val"},
    "val": {"n": 7, "mae": 5.5},
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """As a killed training leaves it: one generation done, its outputs stored."""
    run = Run(tmp_path / "run")
    run.write(run.recipe, "heads: {}\n")
    run.write(run.info, json.dumps(INFO))
    for epoch in (1, 2):
        run.append({"generation": 1, "epoch": epoch, "losses": {"loss": 1.0}, "val_mae": 6.0})
    folder = run.generation(1)
    run.write(folder / "model.safetensors", b"weights")
    run.write(folder / "metrics.json", json.dumps(METRICS))
    run.write(folder / "outputs.safetensors", b"outputs")
    return run


@pytest.mark.parametrize("name", ["notes.txt", ".secret.1", "recipe.yaml", "generation-1", "model"])
def test_a_folder_that_holds_anything_else_is_no_place_for_a_run(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=rf"is no run, and is not empty: it holds {name}"):
        Run(tmp_path).must_be_free()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_a_run_left_that_never_began_is_no_obstacle(tmp_path):
    run = Run(tmp_path)
    run.must_be_free()
    with run.held():
        run.write(run.initial, b"weights")
        run.write(run.recipe, "heads: {}\n")
        aside_of(run.info).write_text("cut sho")
    run.must_be_free()
    run.recipe.write_text("another's")
    with pytest.raises(ConfigError, match=r"it holds recipe\.yaml"):
        run.must_be_free()


def test_the_run_that_is_there_is_told(run):
    with pytest.raises(ConfigError, match=r"there is a run in .* already"):
        run.must_be_free()


def test_litter_goes_and_nothing_else_does(run):
    folder = run.generation(1)
    mine = [run.folder / ".notes.1", folder / ".model.safetensors.123", run.folder / "my" / ".a.1"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    left = [aside_of(path) for path in (run.info, folder / "x", run.figures / "x")]
    run.figures.mkdir()
    for path in left[:2]:
        path.write_text("cut sho")
    left[2].mkdir()
    with run.held():
        assert not any(path.exists() for path in left)
    assert all(path.read_text() == "mine" for path in mine)


def test_a_sound_run_is_sound(run):
    assert run.check() == []
    assert run.read_info() == INFO
    assert run.read_metrics(1, "estimator") == METRICS
    assert [record["epoch"] for record in run.records()] == [1, 2]


FILES = {
    "run.json": "start a new run",
    "recipe.yaml": "start a new run",
    "metrics.jsonl": "remove it",
    "generation-1/model.safetensors": "remove the folder",
    "generation-1/metrics.json": "remove the folder",
    "generation-1/outputs.safetensors": "remove it",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "folder", "another's"])
def test_damage_is_told_with_what_to_do(run, name, damage):
    path = run.folder / name
    data = bytearray(path.read_bytes())
    if damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes({"cut": bytes(data[:-1]), "empty": b"", "another's": b"{}"}[damage])
    with pytest.raises(ModelError, match=f"is damaged: {name} cannot be read: ") as told:
        run.check()
    assert FILES[name] in told.value.hint


def test_what_is_gone_is_made_again_and_told(run):
    (run.generation(1) / "outputs.safetensors").unlink()
    assert run.check() == ["generation-1/outputs.safetensors is gone: what it held is made again"]


def test_a_file_that_the_run_did_not_write_is_not_taken(run):
    path = run.generation(2) / "model.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"another's")
    with pytest.raises(ModelError, match="was not written by this run"):
        run.check()


def test_killed_between_hash_and_file_either_file_is_sound(run, monkeypatch):
    path = run.generation(2) / "checkpoint.pth"
    run.write(path, b"epoch 1")
    with monkeypatch.context() as patch:
        patch.setattr("agekit.training.hashes.write_bytes", lambda *_: None)
        run.write(path, b"epoch 2")
    assert path.read_bytes() == b"epoch 1"
    assert run.check() == []
    run.write(path, b"epoch 3")
    assert run.check() == []
    path.write_bytes(b"epoch 1, of long ago")
    with pytest.raises(ModelError, match="checkpoint"):
        run.check()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', '{"files": {}, "sha256": "0"}'])
def test_damaged_hashes_are_told(run, text):
    run.hashes.path.write_text(text)
    with pytest.raises(ModelError, match="hashes of the run's files, is damaged"):
        run.check()


def test_a_changed_hash_is_told(run):
    text = run.hashes.path.read_text()
    run.hashes.path.write_text(text.replace("outputs", "Outputs"))
    with pytest.raises(ModelError, match="hashes of the run's files, is damaged"):
        run.check()


def test_a_run_of_an_older_version_is_taken_as_it_is_and_told(run):
    run.hashes.path.unlink()
    [told] = run.check()
    assert "no hashes" in told
    assert run.check() == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": "3"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"dataset": None}, "dataset"),
        ({"root": 3}, "root"),
        ({"init_ages": [1]}, "init_ages"),
        ({"init_name": "x"}, "init.safetensors"),
        ([], "an object"),
        (3, "an object"),
    ],
)
def test_an_info_that_cannot_be_is_told(run, change, says):
    run.info.write_text(json.dumps(INFO | change if isinstance(change, dict) else change))
    with pytest.raises(ModelError, match=f"is damaged: .*{says}"):
        run.read_info()


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '"x"', "{}", "nan", "\xff", '{"generation": 1}', "1e999", "[" * 10_000]
)
def test_metrics_that_cannot_be_are_told(run, text):
    path = run.generation(1) / "metrics.json"
    path.write_text(text, encoding="latin-1")
    for kind in ("estimator", "ager"):
        with pytest.raises(ModelError, match=r"is damaged: generation-1/metrics\.json"):
            run.read_metrics(1, kind)
    run.metrics.write_text(f"{text}\n", encoding="latin-1")
    with pytest.raises(ModelError, match=r"is damaged: metrics\.jsonl cannot be read: line 1"):
        run.records()
