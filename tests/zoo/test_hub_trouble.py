"""Hubs that are out of order, and connections that break."""

from __future__ import annotations

import os

import pytest
from agekit_testkit.hub import Fault

from agekit.zoo.hub.pull import pull
from tests.zoo.pulling import REPO, WEIGHTS, cached_files, fetched, records, recovers, refused

pytestmark = pytest.mark.slow


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


def test_no_hub_there(hub, commit, files, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for arguments in ((commit, files), (None, None)):
        assert "cannot reach http://127.0.0.1:9: " in refused(pull, REPO, *arguments)
    monkeypatch.setenv("HF_ENDPOINT", "nonsense")
    assert "is not the address of a Hub" in refused(pull, REPO, commit, files)


def test_something_else_there(hub, commit, files, monkeypatch):
    hub.misbehave(Fault(methods=("GET",), change=lambda data: b"<html>welcome</html>"))
    assert "gave an answer that makes no sense" in refused(pull, REPO, None, None)
