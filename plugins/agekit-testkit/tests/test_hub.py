"""The loopback Hub, through the real client of whichever version is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from agekit_testkit.hub import LoopbackHub
from huggingface_hub import CommitOperationDelete, HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors.numpy import save_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
"""The client's own upload still passes its bytes the old way."""
REPO = "org/model"
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with LoopbackHub() as hub:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


@pytest.fixture
def api(hub: LoopbackHub) -> HfApi:
    return HfApi(hub.endpoint, hub.token)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"weight": np.ones((40, 50), np.float32)}, folder / WEIGHTS)
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("---\ntags: [face]\n---\n# model\n")
    return folder


def read(hub: LoopbackHub, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and contents of an address, asked for without the client."""
    asked = urllib.request.Request(f"{hub.endpoint}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_repositories(hub, api):
    assert api.whoami()["name"] == "tester"
    api.create_repo(REPO)
    api.create_repo(REPO, exist_ok=True)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo(REPO)
    api.create_repo("other/secret", private=True)
    assert [model.id for model in api.list_models(author="org")] == [REPO]
    assert hub.is_private("other/secret") and not hub.is_private(REPO)
    stranger = HfApi(hub.endpoint, token=False)
    assert [model.id for model in stranger.list_models()] == [REPO]
    with pytest.raises(HfHubHTTPError):
        stranger.model_info("other/secret")
    with pytest.raises(HfHubHTTPError):
        stranger.create_repo("org/more")


def test_commits_of_the_client(hub, api, folder):
    api.create_repo(REPO)
    first = api.upload_folder(repo_id=REPO, folder_path=folder)
    assert hub.commit(REPO).oid == first.oid
    data = {path.name: path.read_bytes() for path in folder.iterdir()}
    files = hub.commit(REPO).files
    assert {name: files[name].data for name in data} == data
    assert [name for name in files if files[name].large] == [WEIGHTS]
    (folder / "config.json").write_text('{"a": 1}')
    pull_request = api.upload_folder(repo_id=REPO, folder_path=folder, create_pr=True)
    assert pull_request.pr_num == 1
    assert hub.commit(REPO, "refs/pr/1").oid == pull_request.oid
    assert hub.commit(REPO).oid == first.oid
    gone = [CommitOperationDelete("config.json")]
    second = api.create_commit(REPO, gone, commit_message="delete")
    assert "config.json" not in hub.commit(REPO).files
    assert [c.commit_id for c in api.list_repo_commits(REPO)][:2] == [second.oid, first.oid]


def test_what_a_repository_says_of_itself(hub, api, folder):
    commit = hub.put(REPO, folder)
    api.create_tag(REPO, tag="v1")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPO, tag="v1")
    info = api.model_info(REPO, revision="v1", files_metadata=True)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert info.sha == commit and info.card_data.tags == ["face"]
    assert {f.rfilename: f.size for f in info.siblings if f.rfilename in sizes} == sizes
    assert {f.path: f.size for f in api.get_paths_info(REPO, list(sizes))} == sizes
    assert {f.path for f in api.list_repo_tree(REPO)} == {*sizes, ".gitattributes"}
    refs = api.list_repo_refs(REPO)
    assert [(ref.name, ref.target_commit) for ref in refs.branches + refs.tags] == [
        ("main", commit),
        ("v1", commit),
    ]
    assert api.get_safetensors_metadata(REPO).parameter_count == {"F32": 2000}


def test_downloads(hub, api, folder, tmp_path):
    commit = hub.put(REPO, folder)
    hub.cut(WEIGHTS, after=5000)
    there = snapshot_download(REPO, cache_dir=tmp_path / "cache", endpoint=hub.endpoint)
    assert Path(there).name == commit
    for path in folder.iterdir():
        assert (Path(there) / path.name).read_bytes() == path.read_bytes()
    status, data = read(hub, f"/{REPO}/resolve/main/{WEIGHTS}", Range="bytes=100-")
    assert (status, data) == (206, (folder / WEIGHTS).read_bytes()[100:])
    assert api.file_exists(REPO, WEIGHTS) and not api.file_exists(REPO, "none")


def test_errors_have_the_types_the_client_knows(hub, api):
    hub.put(REPO, {"a": b""})
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("org/none")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(REPO, revision="none")
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(REPO, "none", cache_dir=hub.home)
    assert read(hub, "/nonsense")[0] == 404


def test_misbehaviour(hub, folder):
    hub.put(REPO, folder)
    path, true = f"/{REPO}/resolve/main/{WEIGHTS}", (folder / WEIGHTS).read_bytes()
    hub.flip_byte(WEIGHTS, at=3)
    flipped = read(hub, path)[1]
    assert [i for i in range(len(true)) if flipped[i] != true[i]] == [3]
    hub.behave()
    hub.truncate(WEIGHTS, keep=10)
    assert read(hub, path) == (200, true[:10])
    hub.behave()
    hub.fail(429, WEIGHTS, times=1, Retry_After="7")
    assert read(hub, path)[0] == 429
    assert read(hub, path) == (200, true)
    hub.list_also("../evil")
    assert b"../evil" in read(hub, f"/api/models/{REPO}")[1]
    hub.behave()
    assert b"../evil" not in read(hub, f"/api/models/{REPO}")[1]
    assert [(r.method, r.status) for r in hub.requests[:2]] == [("GET", 200), ("GET", 200)]
    hub.forget_requests()
    assert hub.requests == []


@pytest.mark.slow
def test_the_clients_own_command(hub, folder, tmp_path):
    def hf(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments],
            env=os.environ | hub.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    hf("repos", "create", REPO)
    hf("upload", REPO, str(folder))
    hf("repos", "tag", "create", REPO, "v1")
    assert hub.commit(REPO, "v1").files[WEIGHTS].data == (folder / WEIGHTS).read_bytes()
    assert REPO in hf("models", "ls", "--author", "org", "--format", "json")
    out = hf("download", REPO, "config.json", "--local-dir", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "config.json").read_text() == "{}" and "config.json" in out
