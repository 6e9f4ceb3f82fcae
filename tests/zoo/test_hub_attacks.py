"""Hubs and indexes that lie: wrong bytes, sizes, commits, addresses and names are refused."""

from __future__ import annotations

import hashlib
import os
import re

import pytest
from agekit_testkit.hub import Fault, LoopbackHub

from agekit.atomic import is_aside
from agekit.zoo.entry import FileRecord
from agekit.zoo.hub.pull import pull
from tests.zoo.pulling import REPO, WEIGHTS, cached_files, fetched, recovers, refused

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_flipped_byte(hub, commit, files, model, name):
    hub.flip_byte(name)
    assert f"{name} of {REPO}: its SHA-256 is" in refused(pull, REPO, commit, files)
    assert not (hub.home / "hub" / "models--org--model" / "snapshots" / commit / name).exists()
    recovers(hub, commit, files, model)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_truncated_file(hub, commit, files, model, name):
    hub.truncate(name, 100)
    assert f"announces 100 bytes, not {files[name].size:,}" in refused(pull, REPO, commit, files)
    recovers(hub, commit, files, model)


def test_a_file_that_is_longer(hub, commit, files, model):
    hub.misbehave(Fault(WEIGHTS, ("GET",), change=lambda data: data + b"x" * 10))
    assert "announces 120,090 bytes, not 120,080" in refused(pull, REPO, commit, files)
    recovers(hub, commit, files, model)


def test_a_file_that_never_ends(hub, commit, files, model):
    """Its length is not announced, so that only counting what comes can stop it."""
    headers = {"Content-Encoding": "identity, identity"}
    fault = Fault(WEIGHTS, ("GET",), headers=headers, change=lambda data: data * 100)
    hub.misbehave(fault)
    assert "more than 120,080 bytes come" in refused(pull, REPO, commit, files)
    assert not any(is_aside(name) for name in cached_files(hub))
    recovers(hub, commit, files, model)


def test_a_wrong_size_announced(hub, commit, files, model):
    hub.announce(WEIGHTS, 10**12)
    assert "announces 1,000,000,000,000 bytes" in refused(pull, REPO, commit, files)
    recovers(hub, commit, files, model)


def test_a_wrong_sha_in_the_index(hub, commit, files, model):
    wrong = files | {WEIGHTS: FileRecord(sha256="0" * 64, size=files[WEIGHTS].size)}
    message = refused(pull, REPO, commit, wrong)
    assert f"its SHA-256 is {files[WEIGHTS].sha256}, not {'0' * 64}; it was thrown away" in message
    recovers(hub, commit, files, model)


def test_another_commit_is_answered(hub, commit, files, model):
    hub.misbehave(Fault(WEIGHTS, headers={"X-Repo-Commit": "0" * 40}))
    assert f"answers with commit '{'0' * 40}'; refused" in refused(pull, REPO, commit, files)
    recovers(hub, commit, files, model)


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "Content-Disposition"])
def test_headers_that_lead_out_of_the_cache(hub, commit, files, model, tmp_path, header):
    """What a Hub says of a file names nothing here."""
    away = tmp_path / "away"
    hub.misbehave(Fault("config.json", headers={header: f'"../../../../{away}"'}))
    folder = pull(REPO, commit, files).folder
    assert sorted(os.listdir(folder)) == sorted(files)
    blobs = {hashlib.sha256(path.read_bytes()).hexdigest() for path in model.iterdir()}
    assert set(os.listdir(folder.parents[1] / "blobs")) == blobs
    assert not away.exists()


def test_a_redirect_to_another_host(hub, commit, files, model):
    with LoopbackHub() as other:
        other.put(REPO, model)
        hub.misbehave(Fault(WEIGHTS, location=f"{other.endpoint}/{REPO}/resolve/main/x"))
        message = refused(pull, REPO, commit, files)
        assert f"sends us to another host, {other.endpoint}; refused" in message
        assert other.requests == []
    recovers(hub, commit, files, model)


def test_a_host_that_is_trusted_gets_no_token(hub, commit, files, model, monkeypatch):
    with LoopbackHub() as other:
        other.put(REPO, model)
        hub.redirect(WEIGHTS, f"{other.endpoint}/{REPO}/resolve/main/{WEIGHTS}")
        monkeypatch.setenv("AGEKIT_HUB_HOSTS", "example.org, 127.0.0.1")
        pull(REPO, commit, files)
        assert fetched(other) == [WEIGHTS]
        assert {request.token for request in other.requests} == {""}
        assert {request.token for request in hub.requests} == {hub.token}


@pytest.mark.parametrize(
    "url",
    [
        "http://huggingface.co/x",
        "https://huggingface.co.evil.org/x",
        "https://evilhuggingface.co/x",
        "https://huggingface.co@evil.org/x",
        "http://localhost:9/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "//evil.org/x",
        "https://[::1/x",
        "https://evil.org:99999/x",
    ],
)
def test_addresses_that_are_not_the_hubs(hub, commit, files, url):
    hub.misbehave(Fault(WEIGHTS, ("GET",), location=url))
    message = refused(pull, REPO, commit, files)
    assert re.search("sends us to another host|makes no sense|Invalid URL in location", message)


def test_a_hub_that_sends_in_circles(hub, commit, files):
    hub.misbehave(Fault(WEIGHTS, ("GET",), location=f"{hub.endpoint}/{REPO}/{WEIGHTS}"))
    assert "in circles" in refused(pull, REPO, commit, files)


def test_a_redirect_within_the_host_is_followed(hub, commit, files, model):
    hub.redirect(f"resolve/{commit}/{WEIGHTS}", f"{hub.endpoint}/{REPO}/resolve/main/{WEIGHTS}")
    pull(REPO, commit, files)


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/x.json", "a/b.json", "", ".", "x.json\n", "C:x.json", "a\\b.json"]
)
def test_names_in_the_index_that_are_no_plain_names(hub, commit, files, name):
    assert "is no file of a model; refused" in refused(
        pull, REPO, commit, files | {name: files[WEIGHTS]}
    )
    assert hub.requests == []


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pkl", "model.pt", "code.py"])
def test_pickles_and_code_in_the_index_are_never_asked_for(hub, commit, files, name):
    hub.put(REPO, {name: b"evil"})
    assert "is no file of a model" in refused(pull, REPO, commit, files | {name: files[WEIGHTS]})
    assert hub.requests == []
