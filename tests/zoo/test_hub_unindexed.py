"""Repositories that no index knows: the Hub itself says what their files must be."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from agekit_testkit.hub import Fault, LoopbackHub
from safetensors.numpy import save

from agekit.zoo.hub.pull import plan_pull, pull
from tests.zoo.pulling import CONFIG as TRAINED
from tests.zoo.pulling import REPO, WEIGHTS, refused

pytestmark = pytest.mark.slow

CONFIG = TRAINED | {"parameters": 100}
FILES = {
    "config.json": json.dumps(CONFIG),
    "README.md": "---\ntags: [face]\n---\n# small\n",
    "metrics.json": "{}",
    WEIGHTS: save({"weight": np.zeros((10, 10), np.float32)}),
}


def asked_for(hub: LoopbackHub) -> set[str]:
    return {r.path.rpartition("/")[2] for r in hub.requests if "/resolve/" in r.path}


def test_a_branch_a_tag_a_commit_and_nothing_at_all(hub):
    commit = hub.put(REPO, FILES)
    later = hub.put(REPO, {"README.md": "later"})
    assert pull(REPO, None, None).folder.name == later
    assert pull(REPO, "main", None).folder.name == later
    folder = pull(REPO, commit, None).folder
    assert folder.name == commit
    assert {path.name for path in folder.iterdir()} == set(FILES)
    hub.forget_requests()
    assert pull(REPO, commit, None).folder == folder
    assert hub.requests == []


def test_only_the_files_of_a_model_are_asked_for(hub):
    extra = {"pytorch_model.bin": b"evil", "modeling.py": b"evil", "sub/config.json": b"{}"}
    hub.put(REPO, FILES | extra)
    pull(REPO, None, None)
    assert asked_for(hub) == set(FILES)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "README.md"])
def test_a_flipped_byte(hub, name):
    hub.put(REPO, FILES)
    hub.flip_byte(name)
    assert f"{name} of {REPO}: its " in refused(pull, REPO, None, None)
    hub.behave()
    assert (pull(REPO, None, None).folder / name).read_bytes() == (
        hub.commit(REPO).files[name].data
    )


def test_pickles_in_place_of_safetensors(hub):
    hub.put(REPO, {"config.json": FILES["config.json"], "pytorch_model.bin": b"evil"})
    message = refused(pull, REPO, None, None)
    assert f"{REPO} has no {WEIGHTS}, only pickles (pytorch_model.bin)" in message
    assert asked_for(hub) == set()


def test_a_pickle_called_safetensors(hub):
    hub.put(REPO, FILES | {WEIGHTS: b"\x80\x04evil" * 100})
    assert "is a pickle" in refused(pull, REPO, None, None)
    hub.put(REPO, FILES)
    pull(REPO, None, None)


def test_a_listing_on_another_host(hub):
    hub.put(REPO, FILES)
    with LoopbackHub() as other:
        other.put(REPO, FILES)
        hub.redirect(f"/api/models/{REPO}", f"{other.endpoint}/api/models/{REPO}")
        assert "sends us to another host" in refused(pull, REPO, None, None)
        assert other.requests == []


def test_a_listing_without_end(hub):
    hub.put(REPO, FILES)
    hub.misbehave(Fault(REPO, ("GET",), change=lambda data: b" " * 10_000_001))
    assert "its listing has more than 10,000,000 bytes" in refused(pull, REPO, None, None)


def test_a_repository_of_something_else(hub):
    hub.put(REPO, {"README.md": "nothing"})
    assert "is no model of agekit: it has no config.json" in refused(pull, REPO, None, None)


@pytest.mark.parametrize("path", ["../evil.json", "/etc/evil", "a/../../b", "C:\\evil", "a\nb", ""])
def test_a_listing_that_leads_out(hub, path):
    hub.put(REPO, FILES)
    hub.list_also(path)
    assert "lists a path that leads out of it" in refused(pull, REPO, None, None)
    assert asked_for(hub) == set()
    hub.behave()
    pull(REPO, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"ages": [0, 1_000_000]},
        {"heads": {}},
        {"code": "import os"},
        {"schema_version": 9},
        {"backbone": {"type": 3}},
    ],
)
def test_a_configuration_that_is_not_valid_stops_the_weights(hub, change):
    hub.put(REPO, FILES | {"config.json": json.dumps(CONFIG | change)})
    assert "is not a valid model configuration" in refused(pull, REPO, None, None)
    assert WEIGHTS not in asked_for(hub)


def test_a_large_configuration(hub):
    hub.put(REPO, FILES | {"config.json": b" " * 1_000_001})
    assert "config.json has 1,000,001 bytes" in refused(pull, REPO, None, None)
    assert asked_for(hub) == set()


def test_the_limit(hub, monkeypatch):
    hub.put(REPO, FILES | {WEIGHTS: b"x" * 3_000_000})
    monkeypatch.setenv("AGEKIT_HUB_MOST_GB", "0.002")
    assert "more than the 0.002 GB" in refused(pull, REPO, None, None)
    assert asked_for(hub) == set()
    monkeypatch.setenv("AGEKIT_HUB_MOST_GB", "much")
    assert "is not a number" in refused(pull, REPO, None, None)


def test_without_a_network_what_was_pulled_before_is_used(hub, monkeypatch, caplog):
    commit = hub.put(REPO, FILES)
    folder = pull(REPO, None, None).folder
    hub.put(REPO, {"README.md": "later"})
    hub.fail(500)
    with caplog.at_level(logging.WARNING):
        assert pull(REPO, None, None).folder == folder
    assert f"cannot reach {hub.endpoint}; {REPO} is what was pulled before" in caplog.text
    assert commit in caplog.text
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pull(REPO, None, None).folder == folder
    assert pull(REPO, commit, None).folder == folder
    assert plan_pull(REPO, None, None).commit == commit
    assert "was not pulled before, and the network is off" in refused(pull, REPO, "other", None)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_hub_that_says_no_is_believed(hub, status):
    hub.put(REPO, FILES)
    pull(REPO, None, None)
    hub.fail(status)
    refused(pull, REPO, None, None)


def test_a_flipped_byte_in_the_cache(hub, monkeypatch):
    commit = hub.put(REPO, FILES)
    weights = pull(REPO, None, None).folder / WEIGHTS
    weights.resolve().write_bytes(b"x" * weights.stat().st_size)
    assert (pull(REPO, commit, None).folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_private_repositories(hub, monkeypatch):
    hub.put(REPO, FILES, private=True)
    pull(REPO, None, None)
    monkeypatch.setenv("HF_TOKEN", "wrong")
    assert "wants to know who asks" in refused(pull, REPO, None, None)
    assert "wants to know who asks" in refused(pull, "org/none", None, None)


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "{}",
        "null",
        "{",
        '{"id": "org/model", "sha": "../x", "siblings": []}',
        '{"id": "org/model", "sha": "%s", "siblings": [{"rfilename": 3}]}' % ("0" * 40),
    ],
)
def test_listings_that_make_no_sense(hub, answer):
    hub.put(REPO, FILES)
    hub.misbehave(Fault(REPO, ("GET",), change=lambda data: answer.encode()))
    refused(pull, REPO, None, None)
