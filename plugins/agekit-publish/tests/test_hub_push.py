from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from agekit_publish.push import push_model
from agekit_testkit.hub import Fault, LoopbackHub

from agekit.errors import ModelError
from agekit.zoo.entry import parse_entry, write_entry
from agekit.zoo.hub.pull import pull

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
"""The client's own upload still passes its bytes the old way."""
REPO = "org/model"
FOUR = ["README.md", "config.json", "metrics.json", "model.safetensors"]


@pytest.fixture
def model(make_model) -> Path:
    return make_model()


def refused(*arguments, **options) -> ModelError:
    with pytest.raises(ModelError) as error:
        push_model(*arguments, **options)
    assert "\n" not in error.value.message and len(error.value.message) < 600
    return error.value


def pushed_files(hub: LoopbackHub, revision: str = "main") -> list[str]:
    return sorted(set(hub.commit(REPO, revision).files) - {".gitattributes"})


def test_exactly_the_files_of_the_model(hub, model):
    (model / "optimizer.pth").write_bytes(b"secret")
    (model / ".env").write_text("secret")
    (model / ".eval_results").mkdir()
    (model / ".eval_results" / "set.yaml").write_text("- value: 1\n")
    (model / ".eval_results" / "other.txt").write_text("secret")
    done = push_model(model.parent, REPO)
    assert pushed_files(hub) == [".eval_results/set.yaml", *FOUR]
    head = hub.commit(REPO)
    assert (done.commit, done.changed) == (head.oid, True)
    assert done.files == {path: len(head.files[path].data) for path in done.files}
    assert head.files["model.safetensors"].data == (model / "model.safetensors").read_bytes()
    assert head.files["model.safetensors"].large and not head.files["config.json"].large
    assert not hub.is_private(REPO)


def test_benchmarks_are_those_that_are_named(hub, make_model):
    model = make_model()
    config = json.loads((model / "config.json").read_text())
    config["trained"] |= {"dataset": "utkface", "protocol": "utkface:hash-80-10-10"}
    (model / "config.json").write_text(json.dumps(config))
    dry = push_model(model, REPO, benchmarks={"utkface": "faces/utkface"}, dry_run=True)
    push_model(model, REPO, benchmarks={"utkface": "faces/utkface"})
    assert pushed_files(hub) == [".eval_results/utkface.yaml", *FOUR] == sorted(dry.files)
    told = hub.commit(REPO).files[".eval_results/utkface.yaml"].data.decode()
    assert "id: faces/utkface" in told and "task_id: hash-80-10-10_mae" in told
    assert not (model / ".eval_results").exists(), "the model folder stays as it was"
    for name, repository, why in (
        ("imdb", "faces/imdb", "no test figures of imdb"),
        ("utkface", "faces", "'faces' does not name a"),
        ("utkface", "faces/utkface@main", "'faces/utkface@main' does not name a dataset's"),
        ("utkface", "hf-hub:faces/utkface", "'hf-hub:faces/utkface' does not name a dataset's"),
    ):
        assert why in refused(model, "org/other", benchmarks={name: repository}).message
    assert not [request for request in hub.requests if "other" in request.path]


def test_the_entry_pulls_what_was_pushed(hub, model):
    done = push_model(model, REPO)
    entry = parse_entry(write_entry(done.entry), "entry")
    assert entry == done.entry
    assert (entry.hub_repo, entry.revision, entry.task) == (REPO, done.commit, "estimator")
    for name, record in entry.files.items():
        assert hashlib.sha256((model / name).read_bytes()).hexdigest() == record.sha256
    folder = pull(REPO, entry.revision, entry.files).folder
    for name in FOUR:
        assert (folder / name).read_bytes() == (model / name).read_bytes()


def test_a_dry_run_speaks_to_nobody(hub, model, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    done = push_model(model, REPO, dry_run=True)
    assert sorted(done.files) == FOUR
    assert done.commit is None and done.entry.revision is None
    assert done.entry.source == f"hf-hub:{REPO}"
    assert hub.requests == []


def test_nothing_new(hub, model):
    first = push_model(model, REPO)
    again = push_model(model, REPO)
    assert (again.commit, again.changed) == (first.commit, False)


def test_a_pull_request(hub, model):
    push_model(model, REPO)
    head = hub.commit(REPO).oid
    (model / "README.md").write_text("---\ntags: [face]\n---\n# new\n")
    done = push_model(model, REPO, create_pr=True)
    assert hub.commit(REPO).oid == head != done.commit
    assert hub.commit(REPO, "refs/pr/1").oid == done.commit == done.entry.revision
    assert done.url == f"{hub.endpoint}/{REPO}/discussions/1"
    assert "has no tag" in refused(model, REPO, create_pr=True, tag="v1").message


def test_tags(hub, model):
    done = push_model(model, REPO, tag="v1")
    assert hub.commit(REPO, "v1").oid == done.commit
    assert "has a tag 'v1' already" in refused(model, REPO, tag="v1").message
    hub.fail(500, "/tag/" + done.commit)
    message = refused(model, REPO, tag="v2").message
    assert f"commit {done.commit} was pushed, but has no tag" in message


def test_private_stays_private(hub, model):
    push_model(model, REPO, private=True)
    assert hub.is_private(REPO)
    hub.put("org/open", {"a": b""})
    assert "everybody can see it" in refused(model, "org/open", private=True).message
    assert sorted(hub.commit("org/open").files) == [".gitattributes", "a"]


def test_tokens(hub, model, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "wrong")
    error = refused(model, REPO)
    assert "wants to know who asks" in error.message and "wrong" not in str(error)
    push_model(model, REPO, token=hub.token)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("agekit_publish.push.get_token", lambda: None)
    assert "no token of the Hub is known" in refused(model, REPO).message


@pytest.mark.parametrize(
    ("status", "path", "says"),
    [
        (401, "repos/create", "who asks"),
        (403, "preupload/main", "forbids it"),
        (404, "objects/batch", "no such repository"),
        (413, "commit/main", "HTTP 413"),
    ],
)
def test_errors_of_the_hub(hub, model, status, path, says):
    hub.fail(status, path)
    assert says in refused(model, REPO).message


@pytest.mark.slow
def test_trouble_while_uploading_that_passes(hub, model):
    hub.misbehave(Fault(methods=("PUT",), times=1, status=500))
    push_model(model, REPO)
    assert pushed_files(hub) == FOUR


def test_without_a_network(hub, model, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "the network is off" in refused(model, REPO).message
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot reach http://127.0.0.1:9" in refused(model, REPO).message


@pytest.mark.parametrize("repo", ["model", "a/b/c", "org/m@main", "hf-hub:org/m", "../m", ""])
def test_names_that_are_no_repository(hub, model, repo):
    refused(model, repo)
    assert hub.requests == []


def damage_config(model):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"ages": [0, 10**6]}))


def other_shape(model):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"ages": [0, 99]}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (damage_config, "not a valid model configuration"),
        (other_shape, "do not fit"),
        (lambda m: (m / "model.safetensors").write_bytes(b"x" * 100), "is not safetensors"),
        (lambda m: torch.save({}, m / "model.safetensors"), "is a pickle"),
        (lambda m: (m / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda m: (m / "README.md").unlink(), "has no README.md"),
        (lambda m: (m / "config.json").unlink(), "there is no model in"),
        (lambda m: (m / "metrics.json").write_text("{"), "metrics.json"),
        (lambda m: (m / "metrics.json").write_bytes(b" " * 1_000_001), "1,000,001 bytes"),
    ],
)
def test_a_model_that_is_not_whole_is_not_pushed(hub, model, damage, says):
    damage(model)
    assert says in refused(model, REPO).message
    assert hub.requests == []
