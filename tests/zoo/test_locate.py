from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from agekit_testkit.hub import LoopbackHub

import agekit
from agekit.errors import ModelError
from agekit.zoo.add import entry_for
from agekit.zoo.entry import write_entry
from agekit.zoo.hub.pull import Pulled
from agekit.zoo.locate import find, is_model, locate, tell_licence
from agekit.zoo.names import parse_hub_name

COMMIT = "ab" * 20


@pytest.fixture
def own(tmp_path, monkeypatch, plugin_site):
    """An empty folder of the user's own; the process works in another one."""
    folder = tmp_path / "own"
    folder.mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("AGEKIT_ZOO", str(folder))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.fixture
def bundled(own, make_model):
    """A model folder with its entry, called tiny."""
    folder = make_model(name="own/tiny")
    entry = entry_for(folder, "bundled:tiny", name="tiny", check=False)
    (own / "tiny.json").write_text(write_entry(entry))
    return folder


def change(own, **changes):
    path = own / "tiny.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def pulls(monkeypatch, tmp_path):
    """What the Hub's side is asked for; it answers with a folder named after a commit."""
    asked = []

    def pull(repo, revision, files, *, progress=None):
        asked.append((repo, revision, files and sorted(files), progress))
        return Pulled(repo, COMMIT, tmp_path / COMMIT, ())

    monkeypatch.setattr("agekit.zoo.locate.pull", pull)
    return asked


def test_a_folder_is_itself(own, make_model, monkeypatch):
    model = make_model(name="run/model")
    assert locate(model) == locate(str(model.parent)) == model
    assert find(str(model)) == (str(model), None, model)
    monkeypatch.chdir(model.parent.parent)
    assert str(locate("run")) == os.path.join("run", "model")
    assert is_model(model) and is_model("run")


def test_a_name_of_the_zoo_is_used_where_it_lies(bundled):
    assert locate("tiny") == locate("tiny") == bundled
    assert is_model("tiny") and not is_model("tin")
    assert find("tiny").folder == bundled
    prediction = agekit.load("tiny")
    assert prediction.config.ages == (10, 40)


def test_a_folder_comes_before_a_name_of_the_zoo(bundled, make_model, monkeypatch, tmp_path):
    here = make_model(name="work/tiny")
    assert locate("tiny").absolute() == here


@pytest.mark.parametrize("name", ["tinny", "no/such/folder", "", ".", "tiny.json", "bundled:tiny"])
def test_no_such_model(bundled, name):
    for look in (locate, find):
        with pytest.raises(ModelError, match=f"there is no model '{name}'") as error:
            look(name)
    assert ("did you mean 'tiny'" in error.value.message) == (name in ("tinny", "tiny.json"))
    assert "agekit zoo list" in error.value.hint
    assert not is_model(name)


def test_an_unfinished_run(own, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ModelError, match="it is not finished") as error:
        locate(tmp_path)
    assert "--resume" in error.value.hint


def test_an_entry_whose_files_are_gone(bundled, own):
    (bundled / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="is not where its entry says") as error:
        locate("tiny")
    assert str(own / "tiny.json") in error.value.hint


def test_a_damaged_entry(bundled, own):
    change(own, files={"../x.json": {"sha256": "0" * 64, "size": 1}})
    with pytest.raises(ModelError, match="with no folder"):
        locate("tiny")
    change(own, files=[])
    with pytest.raises(ModelError, match="files is not a JSON object"):
        locate("tiny")


def test_a_plugin_that_is_missing_or_old(bundled, own, caplog):
    change(own, requires={"agekit": "0.0.1", "agekit-none": "1.0"})
    with pytest.raises(ModelError, match="'tiny' needs agekit-none, not installed") as error:
        locate("tiny")
    assert error.value.hint == "`pip install agekit-none`"
    change(own, requires={"agekit-ldl": "99.0"})
    assert locate("tiny") == bundled
    assert "made with agekit-ldl>=99.0; an older one is installed" in caplog.text


def test_the_licence_is_told_once(bundled, own, caplog):
    tell_licence.cache_clear()
    change(own, licence="unknown")
    assert locate("tiny") == bundled
    change(own, licence="research only")
    for _ in range(2):
        assert locate("tiny") == bundled
    assert locate("tiny") == bundled
    told = [one.message for one in caplog.records]
    assert told == ["licence of the weights of tiny: research only"]


def test_what_is_asked_of_the_hub(bundled, own, pulls, tmp_path, caplog):
    change(own, source="hf-hub:some/tiny", revision="1" * 40)
    assert locate("tiny", progress=print) == tmp_path / COMMIT
    assert pulls == [
        (
            "some/tiny",
            "1" * 40,
            ["README.md", "config.json", "metrics.json", "model.safetensors"],
            print,
        )
    ]
    locate(f"hf-hub:a/b@{'2' * 40}")
    assert pulls[-1] == ("a/b", "2" * 40, None, None)
    assert not caplog.records


@pytest.mark.parametrize("name", ["hf-hub:a/b", "hf-hub:a/b@main", "hf-hub:a/b@v1.0"])
def test_what_is_not_pinned_is_warned_of(own, pulls, caplog, name):
    locate(name)
    assert f"{name} is not pinned to a commit" in caplog.text
    assert f"pin it with hf-hub:a/b@{COMMIT}" in caplog.text
    assert is_model(name)


@pytest.mark.parametrize(
    "name",
    [
        "hf-hub:",
        "hf-hub:a",
        "hf-hub:a/b/c",
        "hf-hub:../b",
        "hf-hub:a/..",
        "hf-hub:/etc/passwd",
        "hf-hub:a/b@",
        "hf-hub:a/b@../x",
        "hf-hub:a/b@-x",
        "hf-hub:a/b c",
        "hf-hub:a/b\n",
        "hf-hub:a/b?x=y",
    ],
)
def test_names_that_are_none_of_the_hub(own, pulls, name):
    for look in (locate, find):
        with pytest.raises(ModelError, match="does not name a model on the Hub"):
            look(name)
    assert pulls == []


def test_parts_of_a_name_on_the_hub():
    assert parse_hub_name("hf-hub:some-org/a_b.c-1") == ("some-org/a_b.c-1", None)
    assert parse_hub_name("hf-hub:a/b@refs/pr/1") == ("a/b", "refs/pr/1")


LOCATE = """
import sys
from agekit.zoo.locate import find, locate
print(find(sys.argv[1]).folder)
print(locate(sys.argv[1]))
print(find(sys.argv[1]).folder)
print([name for name in ("torch", "numpy") if name in sys.modules])
"""


@pytest.mark.slow
def test_from_a_real_hub(bundled, own):
    with LoopbackHub() as hub:
        commit = hub.put("some/tiny", bundled)
        change(own, source="hf-hub:some/tiny", revision=commit)
        done = subprocess.run(
            [sys.executable, "-c", LOCATE, "tiny"],
            env={**os.environ, **hub.env},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        before, folder, after, heavy = done.stdout.splitlines()
        assert (before, heavy) == ("None", "[]")
        assert folder == after and folder.endswith(commit)
        assert done.stderr == ""


def test_what_was_pulled_is_found_again(own, make_model, tmp_path):
    name = f"hf-hub:some/tiny@{COMMIT}"
    assert find(name) == (name, None, None)
    snapshot = make_model(name=f"hub/models--some--tiny/snapshots/{COMMIT}")
    assert find(name).folder == snapshot
    assert find("hf-hub:some/tiny").folder is None
