from __future__ import annotations

import json

import pytest
from agekit_synthfaces import draw, person

import agekit
from agekit.errors import ModelError
from agekit.zoo import index
from agekit.zoo.index import default_model


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of entries of one's own."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    monkeypatch.setenv(index.VARIABLE, str(folder))
    return folder


def entry(folder, name, task="estimator", **more):
    known = json.loads((index.shipped() / "sord-lite0.json").read_text())
    text = json.dumps(known | {"name": name, "task": task, "default": False} | more)
    (folder / f"{name}.json").write_text(text)


@pytest.mark.parametrize(
    ("task", "provider"), [("estimator", "agekit-core"), ("ager", "agekit-models")]
)
def test_agekit_brings_one_of_each_task(task, provider):
    entry, given_by, _ = index.find_model(default_model(task))
    assert (entry.task, given_by, entry.default) == (task, provider, True)


def test_ones_own_comes_first(own):
    before = default_model("estimator")
    entry(own, "another")
    assert default_model("estimator") == before
    entry(own, "mine", default=True)
    assert default_model("estimator") == "mine"


def test_there_may_be_none(own, monkeypatch):
    monkeypatch.setattr(index, "shipped", lambda: own)
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-models")
    with pytest.raises(ModelError, match="no default ager") as error:
        default_model("ager")
    assert "pip install agekit-models" in error.value.hint


def test_loading_without_a_name(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    [prediction] = agekit.load().predict(draw(person(1, 7), 42, 64), detect=False)
    assert 20 < prediction.faces[0].age < 70
