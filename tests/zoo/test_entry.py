from __future__ import annotations

import hashlib
import json

import pytest

from agekit._loading import how_to_upgrade
from agekit.errors import ModelError
from agekit.zoo.add import entry_for
from agekit.zoo.check import squares
from agekit.zoo.entry import FileRecord, parse_entry, write_entry

SHA = "0" * 64
FIXED = "bf72dbfbc41bf824dd328a720cb1a1943636d56892d8e65733a632d02de557b7"
GOOD = {
    "name": "cen-small",
    "task": "estimator",
    "description": "a small one",
    "source": "hf-hub:somebody/cen-small",
    "revision": "a" * 40,
    "files": {
        "model.safetensors": {"sha256": SHA, "size": 3_000_000_000},
        "config.json": {"sha256": SHA, "size": 900},
    },
    "parameters": 1_000,
    "licence": "research only",
}


def with_file(name, size=1, sha=SHA):
    return {"files": {**GOOD["files"], name: {"sha256": sha, "size": size}}}


def refused(**changes):
    with pytest.raises(ModelError) as error:
        parse_entry(json.dumps({**GOOD, **changes}), "cen-small.json")
    assert error.value.message.startswith("cen-small.json is not a valid entry of the zoo: ")
    assert "\n" not in error.value.message
    return error.value.message


def test_an_entry_is_what_its_json_says():
    entry = parse_entry(json.dumps(GOOD), "x")
    assert (entry.name, entry.hub_repo, entry.bytes) == (
        "cen-small",
        "somebody/cen-small",
        3_000_000_900,
    )
    assert entry.files["config.json"] == FileRecord(sha256=SHA, size=900)
    assert parse_entry(write_entry(entry), "x") == entry
    with pytest.raises(AttributeError, match="cannot assign"):
        entry.name = "other"


@pytest.mark.parametrize("name", ["notes.md", "network.onnx", "faces.png", "LICENCE.txt"])
def test_files_that_may_come_along(name):
    assert name in parse_entry(json.dumps(GOOD | with_file(name)), "x").files


@pytest.mark.parametrize(
    "name",
    [
        "../model.safetensors",
        "/etc/passwd.txt",
        "a/b.json",
        "a\\b.json",
        "C:evil.json",
        "..",
        ".hidden.json",
        "",
        "notes.md\n",
        "n\u00f6tes.md",
        "x" * 200 + ".md",
    ],
)
def test_files_with_a_folder_in_their_name_are_refused(name):
    assert "with no folder" in refused(**with_file(name))


@pytest.mark.parametrize(
    "name",
    ["pytorch_model.bin", "model.pth", "model.pt", "model.pkl", "code.py", "model", "x.ckpt"],
)
def test_pickles_and_code_are_refused(name):
    assert "pickles are never loaded" in refused(**with_file(name))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"code": "os.system"}, "code: there is no such key"),
        ({"schema_version": 2}, "schema_version: must be 1 (got 2)"),
        ({"name": "../up"}, "name: must be letters, digits"),
        ({"name": "a/b"}, "name: must be letters, digits"),
        ({"task": "Age estimator"}, "task: must be the name of a task"),
        ({"task": None}, "task: must be the name of a task"),
        ({"description": "two\nlines"}, "description: must be one line"),
        ({"description": "\x1b[31mred"}, "description: must be one line"),
        (
            {"source": "https://example.org/model"},
            "source: a source is bundled:FOLDER",
        ),
        ({"source": "hf-hub:somebody"}, "a source is"),
        ({"source": "hf-hub:some/bo/dy"}, "a source is"),
        ({"source": "hf-hub:../etc"}, "a source is"),
        ({"source": "hf-hub:a/b@main"}, "a source is"),
        ({"source": "bundled:../up", "revision": None}, "a source is"),
        ({"source": "bundled:/etc", "revision": None}, "a source is"),
        ({"source": "local:", "revision": None}, "a source is"),
        ({"source": "bundled:x"}, "only a source on the Hub has a revision"),
        ({"revision": None}, "a source on the Hub needs a revision"),
        ({"revision": "main"}, "revision: must be a commit in 40 hex digits"),
        ({"revision": "A" * 40}, "revision: must be a commit in 40 hex digits"),
        ({"files": {}}, "files must hold model.safetensors"),
        ({"files": {"model.safetensors": GOOD["files"]["config.json"]}}, "must hold config.json"),
        (with_file("Config.json"), "differ by upper and lower case alone"),
        (with_file("notes.md", size=2_000_000), "notes.md may not have more than 1,000,000 bytes"),
        (with_file("config.json", size=1_000_001), "config.json may not have more than"),
        (
            with_file("a.onnx", size=5 << 30),
            "a.onnx.size: must be a whole number from 0 to 4,294,967,296",
        ),
        (with_file("notes.md", size=-1), "files.notes.md.size: must be a whole number from 0"),
        (with_file("notes.md", sha="abc"), "files.notes.md.sha256: must be a SHA-256"),
        (with_file("notes.md", sha="G" * 64), "must be a SHA-256 in 64 hex digits"),
        ({"parameters": -1}, "parameters: "),
        ({"parameters": "1000"}, "parameters: must be a whole number"),
        ({"requires": {"agekit cen": "1.0"}}, "requires.agekit cen"),
        ({"requires": {"agekit-cen": "1.0; rm"}}, "requires.agekit-cen: must be a version"),
        ({"metrics": {"mae": "4"}}, "metrics.mae"),
        ({"metrics": {"mae": float("nan")}}, "metrics.mae: must be a number"),
        ({"metrics": {"mae": float("inf")}}, "metrics.mae: must be a number"),
        ({"metrics": {"mae": 10**400}}, "metrics.mae: must be a number"),
        ({"metrics": {"mae": True}}, "metrics.mae: must be a number"),
        ({"parameters": True}, "parameters: must be a whole number"),
        ({"parameters": 1.0}, "parameters: must be a whole number"),
        ({"default": 1}, "default: must be True or False"),
        ({"requires": ["agekit"]}, "requires is not a JSON object"),
        ({"files": {"config.json": 3}}, "files.config.json is not a JSON object"),
        ({"files": {"config.json": {"size": 3}}}, "files.config.json.sha256: is missing"),
        ({"data": {"scored": "all"}}, "data.scored: must be '' or 'train' or 'val' or 'test'"),
        ({"data": {"set": "x"}}, "data.set: there is no such key"),
        ({"data": None}, "data is not a JSON object"),
        ({"licence": "x" * 501}, "licence: must be one line of at most 500"),
        ({"metrics": {"m\x1be": 4}}, "metrics.'m\\x1be': must be one line"),
        ({"backbon": "x"}, "backbon: there is no such key; did you mean 'backbone'?"),
        ({"task": 1, "licence": 2}, "licence: must be one line"),
        ({"check": []}, "check is not a JSON object"),
        ({"check": {"outputs": {"a": [True]}, "tolerance": 0.1}}, "check.outputs.a: "),
        ({"check": {"outputs": {}, "tolerance": 0.1}}, "check.outputs: "),
        ({"check": {"input": "x", "outputs": {"a": [1]}, "tolerance": 0.1}}, "check.input: "),
        ({"check": {"outputs": {"a": [1.0]}, "tolerance": 0.0}}, "check.tolerance: "),
    ],
)
def test_entries_that_are_refused(changes, says):
    assert says in refused(**changes)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"name": "\\ud800"}'])
def test_what_is_no_entry(text):
    with pytest.raises(ModelError, match="is not a valid entry") as error:
        parse_entry(text, "it")
    assert how_to_upgrade("agekit-core") in error.value.hint


def test_a_large_entry_is_not_parsed():
    with pytest.raises(ModelError, match="more than 1,000,000 characters"):
        parse_entry("[" * 2_000_000, "it")


def test_the_entry_of_a_folder(make_model):
    folder = make_model()
    entry = entry_for(folder, "bundled:tiny", name="tiny", licence="mine", description="one")
    assert (entry.name, entry.task, entry.backbone) == ("tiny", "estimator", "resnet10-tiny")
    assert (entry.licence, entry.description) == ("mine", "one")
    assert sorted(entry.files) == ["README.md", "config.json", "metrics.json", "model.safetensors"]
    for name, record in entry.files.items():
        data = (folder / name).read_bytes()
        assert record == FileRecord(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    assert entry.metrics["mae"] == 3.25
    assert (entry.metrics["n"], entry.data.scored) == (9, "test")
    assert entry.data.protocol == "none:all"
    assert set(entry.requires) == {"agekit-core", "agekit-ldl", "agekit-regression"}
    assert entry.check is not None
    assert {key: len(values) for key, values in entry.check.outputs.items()} == {
        "age": 4,
        "low": 4,
        "high": 4,
    }
    for age, low, high in zip(*entry.check.outputs.values(), strict=True):
        assert 10 <= low <= age <= high <= 40
    assert parse_entry(write_entry(entry), "x") == entry


def test_what_nobody_says_is_taken_from_the_configuration(make_model):
    folder = make_model()
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["name"] = "My Model"
    config["trained"] = {"dataset": "synthfaces", "data": {"licence": "yours,\nand\nours"}}
    path.write_text(json.dumps(config))
    (folder / "metrics.json").write_text('{"val": {"mae": 5, "worst": NaN, "good": true}}')
    entry = entry_for(folder, "hf-hub:a/b", "0" * 40, check=False)
    assert (entry.name, entry.licence) == ("My-Model", "yours, and ours (synthfaces)")
    assert "resnet10-tiny" in entry.description and "synthfaces" in entry.description
    assert (entry.metrics, entry.data.scored, entry.check) == ({"mae": 5}, "val", None)
    config["trained"] = {"dataset": "synthfaces"}
    path.write_text(json.dumps(config))
    assert entry_for(folder, "bundled:x", check=False).licence == "Apache-2.0 (synthfaces)"


def test_the_entry_of_a_damaged_folder(make_model, tmp_path):
    folder = make_model()
    (folder / "metrics.json").write_text("{")
    with pytest.raises(ModelError, match=r"cannot read .*metrics\.json"):
        entry_for(folder, "bundled:x", check=False)
    (folder / "metrics.json").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"files must hold model\.safetensors"):
        entry_for(folder, "bundled:x", check=False)
    with pytest.raises(ModelError, match="cannot read"):
        entry_for(tmp_path / "none", "bundled:x")


def test_the_fixed_input_never_changes():
    pictures = squares(20)
    assert (pictures.shape, pictures.dtype.name) == ((4, 20, 20, 3), "uint8")
    assert hashlib.sha256(squares(32).tobytes()).hexdigest() == FIXED
    assert (pictures[0, 0, 0] == pictures[0, 2, 2]).all()
    assert (pictures[0, 0, 0] != pictures[0, 0, 3]).any()
