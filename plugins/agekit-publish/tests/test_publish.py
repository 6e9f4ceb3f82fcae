"""A whole zoo published by the real client, whatever the Hub, the index and the machine do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from agekit_publish.publish import publish_zoo
from agekit_testkit.hub import LoopbackHub

from agekit.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
ONE, TWO = "org/one", "org/two"
WEIGHTS = "model.safetensors"


@pytest.fixture
def zoo(hub, make_model, tmp_path, monkeypatch) -> Path:
    """Two models of a user's own, `one` and `two`, and no other."""
    folder = tmp_path / "zoo"
    shutil.copytree(make_model(), folder / "one")
    shutil.copytree(folder / "one", folder / "two")
    (folder / "two" / "README.md").write_text("---\ntags: [face]\n---\n# two\n")
    (tmp_path / "none").mkdir()
    monkeypatch.setattr("agekit.zoo.index.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-models,agekit-gender")
    monkeypatch.setenv("AGEKIT_ZOO", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def agekit(capsys):
    """Runs `agekit zoo` in this process; gives its code and both outputs."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main(["zoo", *arguments])
        return done.value.code, *capsys.readouterr()

    return run


def commits(hub: LoopbackHub, repo: str) -> str | None:
    try:
        return hub.commit(repo).oid
    except KeyError:
        return None


def written(hub: LoopbackHub) -> list[str]:
    """What was asked of the Hub that may change it."""
    return [r.path for r in hub.requests if r.method not in ("GET", "HEAD")]


def test_the_whole_zoo_and_back(hub, zoo, agekit, monkeypatch):
    code, out, err = agekit("publish", "org", "--dry-run", "--json")
    plan = json.loads(out)
    assert code == 0 and written(hub) == [] and not Path("zoo-org").exists()
    assert [(m["repo"], m["state"]) for m in plan["models"]] == [(ONE, "create"), (TWO, "create")]
    assert plan["models"][0]["files"]["config.json"] == (zoo / "one/config.json").stat().st_size
    assert plan["entries"] == [] and "would be written to zoo-org" in err
    code, _, err = agekit("publish", "org")
    assert code == 0, err
    assert "2 entries in zoo-org" in err and "licence of its weights is unknown" in err
    assert {path.name for path in Path("zoo-org").iterdir()} == {"one.json", "two.json"}
    monkeypatch.setenv("AGEKIT_ZOO", "zoo-org")
    shutil.rmtree(hub.home / "hub")
    for name in ("one", "two"):
        entry = json.loads(Path("zoo-org", f"{name}.json").read_text())
        assert entry["source"] == f"hf-hub:org/{name}"
        assert entry["revision"] == hub.commit(f"org/{name}").oid
        code, out, err = agekit("pull", name)
        assert code == 0, err
        for path in (zoo / name).iterdir():
            assert (Path(out.strip()) / path.name).read_bytes() == path.read_bytes()
    code, _, err = agekit("publish", "org")
    assert code == 0 and "has it on the Hub already" in err


def test_one_that_is_refused_leaves_no_entry_and_the_next_call_goes_on(hub, zoo, agekit):
    hub.fail(403, "org/two/commit/main")
    code, _, err = agekit("publish", "org")
    assert code == 1
    assert "two: refused: org/two: " in err and "forbids it" in err
    assert "1 of 2 models refused; no entry was written" in err
    assert not Path("zoo-org").exists()
    first = commits(hub, ONE)
    hub.behave()
    hub.forget_requests()
    code, _, err = agekit("publish", "org")
    assert code == 0, err
    assert commits(hub, ONE) == first and not any("one/commit" in path for path in written(hub))
    assert len(list(Path("zoo-org").iterdir())) == 2


def test_a_hub_that_cannot_be_reached_any_more(hub, zoo, agekit):
    hub.fail(503, "/config.json")
    code, _, err = agekit("publish", "org")
    assert code == 1 and "0 of 2 models are up, no entry was written" in err
    assert "the same command goes on" in err and not Path("zoo-org").exists()
    first = commits(hub, ONE)
    hub.behave()
    hub.cut(WEIGHTS, after=1000)
    assert agekit("publish", "org")[0] == 0
    assert commits(hub, ONE) == first


def test_killed_in_the_middle(hub, zoo, agekit):
    hub.fail(503, "org/two/preupload/main", times=1, Retry_After="20")
    script = (
        "import agekit.zoo.index as index, pathlib, sys\n"
        "index.shipped = lambda: pathlib.Path('none')\n"
        "from agekit.cli import main; main(['zoo', 'publish', 'org'])"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env=os.environ | hub.env)
    end = time.monotonic() + 120
    while not any("two/preupload" in r.path for r in hub.requests) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Path("zoo-org").exists()
    first = hub.commit(ONE).oid
    hub.behave()
    assert agekit("publish", "org")[0] == 0
    entry = json.loads(Path("zoo-org/one.json").read_text())
    assert entry["revision"] == hub.commit(ONE).oid == first


def test_a_repository_that_holds_something_else(hub, zoo, agekit):
    hub.put(TWO, {"README.md": "another's", "notes.txt": "kept"})
    code, _, err = agekit("publish", "org")
    assert code == 1 and "org/two is there already and holds something else: README.md" in err
    assert written(hub) == []
    code, _, err = agekit("publish", "org", "--only", "two", "--overwrite")
    assert code == 0 and "org/two: other files stay: notes.txt" in err
    files = hub.commit(TWO).files
    assert files["notes.txt"].data == b"kept"
    assert files["README.md"].data == (zoo / "two/README.md").read_bytes()


@pytest.mark.parametrize(
    ("there", "code"),
    [
        ({"notes.txt": "kept"}, 1),
        ({"README.md": "\r\n"}, 1),
        ({}, 0),
    ],
)
def test_what_counts_as_something_else(hub, zoo, agekit, there, code):
    hub.put(ONE, there)
    assert agekit("publish", "org", "--only", "one", "--dry-run")[0] == code


@pytest.fixture
def tested(zoo) -> Path:
    """As `zoo`, `one` having been tested on UTKFace."""
    path = zoo / "one" / "config.json"
    config = json.loads(path.read_text())
    config["trained"] |= {"dataset": "utkface", "protocol": "utkface:hash-80-10-10"}
    path.write_text(json.dumps(config))
    return zoo


def test_benchmarks_are_told_by_those_that_have_figures(hub, tested, agekit):
    words = ("publish", "org", "--benchmark", "utkface=faces/utkface")
    code, out, err = agekit(*words, "--dry-run", "--json")
    one, two = json.loads(out)["models"]
    assert code == 0 and written(hub) == []
    assert (one["benchmarks"], two["benchmarks"]) == (["utkface"], [])
    assert ".eval_results/utkface.yaml" in one["files"]
    assert "two: no test figures of utkface: it tells none of them" in err and "one: no" not in err
    code, _, err = agekit(*words)
    assert code == 0, err
    told = hub.commit(ONE).files[".eval_results/utkface.yaml"].data.decode()
    assert "id: faces/utkface" in told and not (tested / "one/.eval_results").exists()
    assert not any("eval_results" in name for name in hub.commit(TWO).files)
    entry = json.loads(Path("zoo-org/one.json").read_text())
    assert entry["revision"] == hub.commit(ONE).oid
    first = hub.commit(ONE).oid
    assert agekit(*words, "--index", "again")[0] == 0 and hub.commit(ONE).oid == first


@pytest.mark.parametrize(
    ("named", "code", "says"),
    [
        (["imdb=faces/imdb"], 1, "no model that is to be pushed has test figures of imdb"),
        (["utkface=faces/utkface", "imdb=faces/imdb"], 1, "to be pushed has test figures of imdb"),
        (["utkface=faces"], 1, "'faces' does not name a"),
        (["utkface=hf-hub:faces/u"], 1, "does not name a dataset's repository"),
        (["utkface=faces/u@main"], 1, "does not name a dataset's repository"),
        (["imdb=faces"], 1, "'faces' does not name a"),
        (["utkface"], 2, "is not DATASET=ORG/REPO"),
        (["utkface="], 2, "is not DATASET=ORG/REPO"),
        (["utkface=a/b", "utkface=a/c"], 2, "given twice"),
    ],
)
def test_benchmarks_that_cannot_be_told(hub, tested, agekit, named, code, says):
    words = [word for one in named for word in ("--benchmark", one)]
    for more in ([], ["--dry-run"]):
        found, _, err = agekit("publish", "org", *words, *more)
        assert found == code and says in " ".join(err.split()), err
    assert written(hub) == [] and not Path("zoo-org").exists()


def test_two_at_once(hub, zoo):
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(publish_zoo, "org", Path("index"), only=["one"]) for _ in range(2)]
        ((one,), (other,)) = (call.result() for call in calls)
    assert one.commit == other.commit == hub.commit(ONE).oid
    assert one.state == other.state == "published"
    assert [path.name for path in Path("index").iterdir()] == ["one.json"]


@pytest.mark.parametrize("index", ["file", "file/below", "/proc/none"])
def test_an_index_that_takes_no_files(hub, zoo, agekit, index):
    Path("file").touch()
    code, _, err = agekit("publish", "org", "--index", index)
    assert code in (1, 2) and hub.requests == []
    assert "Traceback" not in err


def test_an_entry_of_something_else_stays(hub, zoo, agekit):
    Path("index").mkdir()
    Path("index/one.json").write_text("{}")
    code, _, err = agekit("publish", "org", "--only", "one", "--index", "index")
    assert code == 1 and "index/one.json is there already" in err and written(hub) == []
    assert agekit("publish", "org", "--only", "one", "--index", "index", "--overwrite")[0] == 0


def test_a_damaged_model_and_a_whole_one(hub, zoo, agekit, tmp_path):
    (zoo / "one" / WEIGHTS).write_bytes(b"x" * 99)
    code, _, err = agekit("publish", "org")
    assert code == 1 and "one: refused: model.safetensors" in err and written(hub) == []


def test_what_comes_back_is_looked_at(hub, zoo, agekit):
    hub.flip_byte(WEIGHTS)
    code, _, err = agekit("publish", "org", "--only", "one")
    assert code == 1 and "its SHA-256 is" in err and not Path("zoo-org").exists()


def test_private_names_tokens_and_no_network(hub, zoo, agekit, monkeypatch):
    assert agekit("publish", "org", "--only", "one", "--private")[0] == 0
    assert hub.is_private(ONE)
    hub.put(TWO, {})
    code, _, err = agekit("publish", "org", "--only", "two", "--private", "--dry-run")
    assert code == 1 and "everybody can see it" in err
    code, _, err = agekit("publish", "org", "--only", "oen")
    assert code == 1 and "did you mean 'one'?" in err
    for org in ("a/b", "../x", "", "hf-hub:org"):
        assert agekit("publish", org)[0] == 1
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, out, err = agekit("publish", "org", "--only", "one", "--dry-run", "--json")
    assert code == 0
    assert {m["state"] for m in json.loads(out)["models"]} == {"not known"}
    code, _, err = agekit("publish", "org")
    assert code == 1 and "the network is off" in err
