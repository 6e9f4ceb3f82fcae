"""What a pull fetches, keeps and copies, and when it asks the Hub at all."""

from __future__ import annotations

import logging
import os
import time

import pytest

from agekit.errors import ModelError
from agekit.zoo.hub.pull import plan_pull, pull
from tests.zoo.pulling import REPO, WEIGHTS, cached_files, fetched, recovers, refused, spoil

pytestmark = pytest.mark.slow

SETTLED = 0.06
"""Seconds after which the hash of an untouched file is remembered."""


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


@pytest.mark.parametrize("revision", [None, "main", "a" * 39, "A" * 40])
def test_an_index_must_name_a_commit(hub, files, revision):
    with pytest.raises(ModelError, match="names a commit"):
        pull(REPO, revision, files)


@pytest.mark.parametrize("repo", ["model", "../model", "a/b/c", "org/../x", "org/mo del", "/x"])
def test_names_that_are_no_repository(hub, files, repo):
    refused(pull, repo, None, None)
    assert hub.requests == []


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


def test_what_is_cached_needs_no_network(hub, commit, files, monkeypatch):
    folder = pull(REPO, commit, files).folder
    hub.fail(500)
    assert pull(REPO, commit, files).folder == folder
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pull(REPO, commit, files).folder == folder
    message = refused(pull, "org/other", commit, files)
    assert "not in the cache, and the network is off" in message


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


def test_damaged_contents_that_two_commits_share(hub, commit, files, model):
    """The client links the second commit's file to the damaged contents of the first."""
    spoil(pull(REPO, commit, files).folder / WEIGHTS, hide=False)
    later = hub.put(REPO, {"metrics.json": "{}"})
    hub.forget_requests()
    folder = pull(REPO, later, files).folder
    assert (folder / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()
    assert fetched(hub) == [WEIGHTS]
    assert pull(REPO, commit, files).folder.name == commit
