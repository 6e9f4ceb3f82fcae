from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from agekit_testkit.hub import Fault, LoopbackHub
from safetensors.numpy import save_file

from agekit.atomic import is_aside
from agekit.errors import ModelError
from agekit.zoo.entry import FileRecord
from agekit.zoo.hub.pull import plan_pull, pull

pytestmark = pytest.mark.slow

REPO = "org/model"
WEIGHTS = "model.safetensors"
SETTLED = 0.06
"""Seconds after which the hash of an untouched file is remembered."""
CONFIG = {
    "task": "estimator",
    "name": "small",
    "backbone": {"type": "resnet10-tiny"},
    "heads": {"ldl": {"type": "ldl"}},
    "ages": [10, 40],
    "image": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "rule": "expectation",
    "interval": {"level": 0.9, "margin": 0.5, "calibrated_on": "val"},
    "parameters": 30_000,
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    weights = np.random.RandomState(0).rand(100, 300).astype(np.float32)
    save_file({"weight": weights}, folder / WEIGHTS)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "README.md").write_text("---\ntags: [face]\n---\n# small\n")
    return folder


@pytest.fixture
def commit(hub: LoopbackHub, model: Path) -> str:
    return hub.put(REPO, model)


@pytest.fixture
def files(model: Path) -> dict[str, FileRecord]:
    return records(model)


def records(folder: Path) -> dict[str, FileRecord]:
    return {
        path.name: FileRecord(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size
        )
        for path in folder.iterdir()
    }


def refused(call, *arguments, **options) -> str:
    with pytest.raises(ModelError) as error:
        call(*arguments, **options)
    assert "\n" not in error.value.message and len(error.value.message) < 400
    assert error.value.hint
    return error.value.message


def fetched(hub: LoopbackHub) -> list[str]:
    """The files that were asked for."""
    found = [r for r in hub.requests if "/resolve/" in r.path]
    return [request.path.rpartition("/")[2] for request in found]


def cached_files(hub: LoopbackHub) -> list[str]:
    """What the client's cache holds, apart from its locks and marks."""
    found = [path for path in hub.home.rglob("*") if path.is_file()]
    return sorted(p.name for p in found if ".locks" not in p.parts and p.name != "CACHEDIR.TAG")


def recovers(hub: LoopbackHub, commit: str, files: dict[str, FileRecord], model: Path) -> None:
    """The next honest pull works and gives the true bytes."""
    hub.behave()
    folder = pull(REPO, commit, files).folder
    assert {name: (folder / name).read_bytes() for name in files} == {
        path.name: path.read_bytes() for path in model.iterdir()
    }


def test_the_named_files_come_once(hub, commit, files, model, tmp_path):
    hub.put(REPO, {"pytorch_model.bin": b"evil", "handler.py": b"evil"})
    told = []
    found = pull(REPO, commit, files, progress=lambda *step: told.append(step))
    assert found.folder.name == found.commit == commit
    assert sorted(os.listdir(found.folder)) == sorted(files)
    assert not any(file.cached for file in found.files)
    assert (WEIGHTS, files[WEIGHTS].size, files[WEIGHTS].size) in told
    assert fetched(hub)[-1] == WEIGHTS
    hub.forget_requests()
    time.sleep(SETTLED)
    found = pull(REPO, commit, files)
    assert all(file.cached for file in found.files)
    assert hub.requests == []
    (memory,) = (tmp_path / "cache" / "digests").glob("*.bin")
    assert memory.stat().st_size == len(files) * 48


def test_force_fetches_again(hub, commit, files):
    pull(REPO, commit, files)
    hub.forget_requests()
    pull(REPO, commit, files, force=True)
    assert sorted(fetched(hub)) == sorted(files)


def test_a_plan_fetches_nothing(hub, commit, files):
    planned = plan_pull(REPO, commit, files)
    assert {file.name: file.size for file in planned.files} == {n: files[n].size for n in files}
    assert not any(file.cached for file in planned.files)
    assert hub.requests == []
    assert plan_pull(REPO, None, None).commit == commit
    assert fetched(hub) == []
    assert cached_files(hub) == []


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
    ("status", "headers", "says"),
    [
        (401, {}, "wants to know who asks"),
        (403, {}, "forbids it"),
        (403, {"X_Error_Code": "GatedRepo"}, "accepted its terms"),
        (404, {}, "there is no such repository"),
        (404, {"X_Error_Code": "EntryNotFound"}, "does not exist"),
        (404, {"X_Error_Code": "RevisionNotFound"}, "no such revision"),
        (418, {}, "refuses it (HTTP 418)"),
        (429, {}, "too many requests"),
        (429, {"Retry_After": "3600"}, "too many requests"),
        (500, {}, "has trouble of its own (HTTP 500)"),
        (503, {}, "has trouble of its own (HTTP 503)"),
    ],
)
def test_errors_of_the_hub(hub, commit, files, model, status, headers, says):
    hub.fail(status, **headers)
    tries = 3 if status in (429, 500, 503) and not headers else 1
    for arguments in ((commit, files), (None, None)):
        hub.forget_requests()
        assert says in refused(pull, REPO, *arguments)
        assert len(hub.requests) == tries
    assert cached_files(hub) == []
    recovers(hub, commit, files, model)


@pytest.mark.parametrize("status", [429, 500])
def test_trouble_that_passes(hub, commit, files, status):
    hub.misbehave(Fault(WEIGHTS, times=2, status=status, headers={"Retry-After": "0"}))
    pull(REPO, commit, files)


def test_a_connection_cut_in_mid_file_goes_on(hub, tmp_path):
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(os.urandom(3_000_000))
    commit = hub.put(REPO, folder)
    hub.cut(WEIGHTS, after=2_500_000)
    pull(REPO, commit, records(folder))
    first, second = [r for r in hub.requests if r.method == "GET"]
    assert (first.start, first.sent) == (0, 2_500_000)
    assert second.start in (2 << 20, 2_500_000)
    assert second.sent == 3_000_000 - second.start


def test_a_connection_that_breaks_again_and_again(hub, commit, files, model):
    """It goes on as long as more of the file comes each time."""
    hub.cut(WEIGHTS, after=20_000, times=5)
    folder = pull(REPO, commit, files).folder
    starts = [r.start for r in hub.requests if r.method == "GET" and r.path.endswith(WEIGHTS)]
    assert starts == [0, 20_000, 40_000, 60_000, 80_000, 100_000]
    assert (folder / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()
    hub.cut(WEIGHTS, after=0, times=None)
    assert "cannot reach" in refused(pull, REPO, commit, files, force=True)
    assert (folder / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()


def test_no_room(hub, commit, files):
    class Huge:
        sha256, size = "0" * 64, 1 << 60

    message = refused(pull, REPO, commit, files | {WEIGHTS: Huge()})
    assert "there is no room for it" in message
    assert WEIGHTS not in fetched(hub)


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


@pytest.mark.parametrize("revision", [None, "main", "a" * 39, "A" * 40])
def test_an_index_must_name_a_commit(hub, files, revision):
    with pytest.raises(ModelError, match="names a commit"):
        pull(REPO, revision, files)


@pytest.mark.parametrize("repo", ["model", "../model", "a/b/c", "org/../x", "org/mo del", "/x"])
def test_names_that_are_no_repository(hub, files, repo):
    refused(pull, repo, None, None)
    assert hub.requests == []


def spoil(path: Path, *, hide: bool) -> None:
    """Flips a bit of a cached file; may set its time back to hide it."""
    blob, before = path.resolve(), path.stat()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(bytes(data))
    if hide:
        os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("hide", [False, True])
def test_a_byte_flipped_in_the_cache_is_noticed(hub, commit, files, model, hide, caplog):
    folder = pull(REPO, commit, files).folder
    time.sleep(SETTLED)
    pull(REPO, commit, files)
    spoil(folder / WEIGHTS, hide=hide)
    hub.forget_requests()
    with caplog.at_level(logging.WARNING):
        recovers(hub, commit, files, model)
    assert fetched(hub) == [WEIGHTS]
    assert "is damaged; it is fetched again" in caplog.text


def test_a_damaged_file_is_not_used_without_a_network(hub, commit, files, model, monkeypatch):
    folder = pull(REPO, commit, files).folder
    spoil(folder / WEIGHTS, hide=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "not in the cache" in refused(pull, REPO, commit, files)
    assert not (folder / WEIGHTS).exists()


def test_what_is_cached_needs_no_network(hub, commit, files, monkeypatch):
    folder = pull(REPO, commit, files).folder
    hub.fail(500)
    assert pull(REPO, commit, files).folder == folder
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pull(REPO, commit, files).folder == folder
    message = refused(pull, "org/other", commit, files)
    assert "not in the cache, and the network is off" in message


def test_no_hub_there(hub, commit, files, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for arguments in ((commit, files), (None, None)):
        assert "cannot reach http://127.0.0.1:9: " in refused(pull, REPO, *arguments)
    monkeypatch.setenv("HF_ENDPOINT", "nonsense")
    assert "is not the address of a Hub" in refused(pull, REPO, commit, files)


def test_something_else_there(hub, commit, files, monkeypatch):
    hub.misbehave(Fault(methods=("GET",), change=lambda data: b"<html>welcome</html>"))
    assert "gave an answer that makes no sense" in refused(pull, REPO, None, None)


def test_plain_copies(hub, commit, files, model, tmp_path):
    out = tmp_path / "out"
    assert pull(REPO, commit, files, local_dir=out).folder == out
    assert sorted(os.listdir(out)) == sorted(files)
    assert not any(path.is_symlink() for path in out.iterdir())
    (out / "config.json").write_text("mine")
    assert "is another file" in refused(pull, REPO, commit, files, local_dir=out)
    assert (out / "config.json").read_text() == "mine"
    pull(REPO, commit, files, local_dir=out, force=True)
    assert (out / "config.json").read_bytes() == (model / "config.json").read_bytes()


def test_plain_copies_to_no_folder(hub, commit, files, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    assert "cannot write" in refused(pull, REPO, commit, files, local_dir=out)


def test_damaged_contents_that_two_commits_share(hub, commit, files, model):
    """The client links the second commit's file to the damaged contents of the first."""
    spoil(pull(REPO, commit, files).folder / WEIGHTS, hide=False)
    later = hub.put(REPO, {"metrics.json": "{}"})
    hub.forget_requests()
    folder = pull(REPO, later, files).folder
    assert (folder / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()
    assert fetched(hub) == [WEIGHTS]
    assert pull(REPO, commit, files).folder.name == commit
