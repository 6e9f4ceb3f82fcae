from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agekit.discovery import CORE
from agekit.errors import ModelError
from agekit.zoo.add import entry_of
from agekit.zoo.entry import parse_entry
from agekit.zoo.files import tensor_types
from agekit.zoo.index import (
    find_model,
    known_names,
    places,
    read_index,
    shipped,
)
from agekit.zoo.locate import folder_here, folders_here
from agekit.zoo.requires import install_command, missing, outdated

SHA = "0" * 64


def document(name, **changes):
    return {
        "name": name,
        "task": "estimator",
        "description": "for a test",
        "source": f"bundled:{name}",
        "files": {
            "model.safetensors": {"sha256": SHA, "size": 1_000},
            "config.json": {"sha256": SHA, "size": 24},
        },
        "parameters": 77,
        "licence": "none",
        "data": {"dataset": "utkface", "protocol": "utkface:random-80-20"},
        "metrics": {"mae": 4.5},
        **changes,
    }


def write(folder, name, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document(name, **changes)))


@pytest.fixture
def own(tmp_path, monkeypatch, plugin_site):
    """An empty folder of the user's own, the only place there is besides plugins."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.delenv("AGEKIT_ZOO", raising=False)
    installed = [place.provider for place in places() if place.provider != CORE]
    monkeypatch.setenv("AGEKIT_ZOO", str(folder))
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", ",".join(installed))
    monkeypatch.setattr("agekit.zoo.index.shipped", lambda: tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    return folder


def give(site: Path, distribution: str, package: str) -> Path:
    """Writes a distribution that names a folder of entries; gives that folder."""
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[agekit.zoo]\nmodels = {package}\n")
    folder = site.joinpath(*package.split("."))
    folder.mkdir(parents=True)
    (site / package.split(".")[0] / "__init__.py").write_text("1 / 0")
    return folder


def test_what_comes_with_agekit_is_valid():
    assert (shipped() / "README.md").is_file()
    for place in places():
        for path in place.folder.glob("*.json"):
            entry = parse_entry(path.read_text(encoding="utf-8"), str(path))
            assert entry.name == path.stem
            if entry.source.startswith("bundled:"):
                folder = place.folder / entry.source.removeprefix("bundled:")
                sizes = {name: (folder / name).stat().st_size for name in entry.files}
                assert sizes == {name: record.size for name, record in entry.files.items()}
                if {*tensor_types(folder / "model.safetensors").values()} <= {"F16", "I64"}:
                    assert sizes["model.onnx"] < 1.05 * sizes["model.safetensors"], path
    assert {"agekit-core", "agekit-models"} <= {place.provider for place in places()}


def test_entries_of_ones_own(own):
    write(own, "b")
    write(own, "a", source="hf-hub:some/a", revision="1" * 40)
    index = read_index()
    assert (list(index.models), index.warnings) == (["a", "b"], [])
    a, b = index.models.values()
    assert (a.entry.hub_repo, a.entry.revision, a.folder) == ("some/a", "1" * 40, None)
    assert (b.entry.hub_repo, b.folder, b.provider) == (None, own / "b", str(own))
    assert (b.entry.bytes, b.entry.parameters, b.entry.metrics["mae"]) == (1_024, 77, 4.5)
    assert b.entry.data.protocol == "utkface:random-80-20"
    assert entry_of(b) == b.entry == parse_entry((own / "b.json").read_text(), "b")
    assert known_names() == ["a", "b"]


def test_a_model_folder_and_a_run_folder_need_no_entry(own, make_model):
    make_model(name="own/plain")
    make_model(name="own/run/model")
    index = read_index()
    assert (list(index.models), index.warnings) == (["plain", "run"], [])
    plain, run = index.models.values()
    assert (plain.folder, run.folder) == (own / "plain", own / "run" / "model")
    shown = plain.entry
    assert (shown.source, shown.task) == (f"local:{own / 'plain'}", "estimator")
    assert (shown.metrics["mae"], shown.data.protocol) == (3.25, "none:all")
    entry = entry_of(plain)
    assert (entry.name, entry.source, entry.bytes) == ("plain", shown.source, shown.bytes)
    assert entry.files["config.json"].sha256 != shown.files["config.json"].sha256 == SHA
    write(own, "plain")
    assert read_index().models["plain"].entry.source == "bundled:plain"


def test_a_folder_that_is_itself_a_model(own, make_model, monkeypatch):
    monkeypatch.setenv("AGEKIT_ZOO", str(make_model(name="mine")))
    assert list(read_index().models) == ["mine"]


def test_plugins_give_entries_and_are_not_imported(own, plugin_site, monkeypatch):
    write(give(plugin_site, "agekit-thrown", "agekit_thrown.models"), "given")
    model = read_index().models["given"]
    assert model.provider == "agekit-thrown"
    assert model.folder == plugin_site / "agekit_thrown" / "models" / "given"
    others = os.environ["AGEKIT_DISABLE_PLUGINS"]
    for off in ("agekit_thrown", "all"):
        monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", f"{off},{others}")
        assert read_index().models == {}


def test_a_plugin_whose_folder_is_missing_is_told(own, plugin_site):
    give(plugin_site, "agekit-thrown", "agekit_thrown.models").rmdir()
    assert "agekit-thrown is not there" in read_index().warnings[0]


def test_the_first_to_give_a_name_keeps_it(own, plugin_site, tmp_path):
    for folder, parameters in [
        (own, 1),
        (tmp_path / "shipped", 2),
        (give(plugin_site, "agekit-thrown", "agekit_thrown.models"), 3),
    ]:
        write(folder, "same", parameters=parameters)
    write(tmp_path / "shipped", "two", parameters=2)
    write(plugin_site / "agekit_thrown" / "models", "two", parameters=3)
    index = read_index()
    found = {name: model.entry.parameters for name, model in index.models.items()}
    assert found == {"same": 1, "two": 2}
    assert len(index.warnings) == 3
    assert index.warnings[-1].endswith("two.json: hidden by the model 'two' of agekit-core")
    assert find_model("same") == index.models["same"]


BROKEN = {
    "empty": "",
    "cut": '{"name": "cut", ',
    "list": "[]",
    "deep": "[" * 100_000,
    "latin": b"\xff\xfe",
    "large": '{"name": "' + "x" * 1_000_001 + '"}',
    "other": json.dumps(document("another")),
    "no-files": json.dumps({k: v for k, v in document("no-files").items() if k != "files"}),
    "no-size": json.dumps(document("no-size", files={"config.json": {}})),
    "many": json.dumps(document("many", parameters="many")),
    "task": json.dumps(document("task", task="Poet")),
    "source": json.dumps(document("source", source="https://example.org")),
    "red": json.dumps(document("red", description="\x1b[31m")),
    "needs": json.dumps(document("needs", requires=["agekit-cen"])),
    "a name": json.dumps(document("a name")),
}


def test_a_broken_entry_breaks_no_other(own):
    write(own, "good")
    for name, text in BROKEN.items():
        data = text if isinstance(text, bytes) else text.encode()
        (own / f"{name}.json").write_bytes(data)
    (own / "folder.json").mkdir()
    (own / "dangling.json").symlink_to(own / "nothing")
    (own / ".hidden.json").write_text("")
    index = read_index()
    assert list(index.models) == ["good"]
    told = {Path(text.split(".json: ")[0]).name: text for text in index.warnings}
    assert set(told) == {*BROKEN, "folder", "dangling"}
    assert not [text for text in index.warnings if "\n" in text or "\x1b" in text]
    assert "more than 1,000,000 bytes" in told["large"]
    assert "names the model 'another'" in told["other"]
    assert "files: is missing" in told["no-files"]
    with pytest.raises(ModelError, match="cannot be used: files: is missing"):
        find_model("no-files")


def test_a_listing_shows_what_can_be_used(own):
    """The one parser checks all of an entry, also what no listing shows."""
    write(own, "odd", files={"../up.json": {"sha256": SHA, "size": 1}})
    write(own, "odder", check={"outputs": {"age": ["1"]}, "tolerance": 0.1})
    index = read_index()
    assert index.models == {}
    assert "with no folder" in index.warnings[0]
    assert "check.outputs.age: must be a list of numbers" in index.warnings[1]
    with pytest.raises(ModelError, match=r"cannot be used: .*with no folder"):
        find_model("odd")


BAD_FOLDERS = {
    "list": "[]",
    "no-task": "{}",
    "trained": '{"task": "estimator", "trained": 3}',
    "network": '{"task": "estimator", "backbone": "resnet18"}',
    "deep": "[" * 100_000,
}


def test_metrics_that_are_no_numbers_are_left_out(own, make_model):
    folder = make_model(name="own/plain")
    odd = '{"test": {"mae": 3.5, "bias": NaN, "n": true, "x": "y", "huge": 1%s}}' % ("0" * 400)
    (folder / "metrics.json").write_text(odd)
    index = read_index()
    assert (index.models["plain"].entry.metrics, index.warnings) == ({"mae": 3.5}, [])


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_model_folder_that_is_damaged_is_told(own, name):
    (own / name).mkdir()
    (own / name / "config.json").write_text(BAD_FOLDERS[name])
    index = read_index()
    assert index.models == {}
    assert index.warnings[0].startswith(f"{own / name}: ")


def test_only_ones_own_entries_may_be_local(own, plugin_site):
    write(own, "mine", source="local:../elsewhere")
    write(give(plugin_site, "agekit-thrown", "agekit_thrown.models"), "theirs", source="local:/etc")
    index = read_index()
    assert list(index.models) == ["mine"]
    assert index.models["mine"].folder == own / ".." / "elsewhere"
    assert "only the folders of $AGEKIT_ZOO" in index.warnings[0]


def test_several_folders_and_one_that_is_missing(own, tmp_path, monkeypatch):
    write(own, "one")
    write(tmp_path / "second", "two")
    folders = [str(own), "", str(tmp_path / "none"), str(tmp_path / "second")]
    monkeypatch.setenv("AGEKIT_ZOO", os.pathsep.join(folders))
    index = read_index()
    assert list(index.models) == ["one", "two"]
    assert index.warnings[0].startswith(f"{tmp_path / 'none'} of ")
    assert [place.own for place in places()][:4] == [True, True, True, False]


def test_what_is_here(own, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    write(own, "bundled")
    write(own, "far", source="hf-hub:some/far", revision="1" * 40)
    models = read_index().models.values()
    assert folders_here(models) == {}
    snapshot = tmp_path / "hub" / "models--some--far" / "snapshots" / ("1" * 40)
    for folder in (own / "bundled", snapshot):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("")
        assert folders_here(models).get(folder.name) is None
        (folder / "model.safetensors").write_text("")
    assert folders_here(models) == {"bundled": own / "bundled", "far": snapshot}
    bundled, _ = models
    assert folder_here(bundled) == own / "bundled"


def test_what_a_model_needs(plugin_site):
    give(plugin_site, "agekit-thrown", "agekit_thrown.models")
    needs = {"agekit": "0.0.1", "agekit-thrown": "1.0", "agekit-none": "2.0", "agekit_cen": "99.1"}
    assert missing(needs) == ["agekit-none"]
    assert outdated(needs) == ["agekit_cen>=99.1"]
    assert install_command(needs) == "pip install agekit-none 'agekit_cen>=99.1'"
    assert install_command({"agekit": "0.0.1", "agekit-thrown": "not a version"}) == ""
