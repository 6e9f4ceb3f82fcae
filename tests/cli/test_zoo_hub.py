from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from agekit_synthfaces import write_face
from agekit_testkit.hub import Fault, LoopbackHub
from safetensors.numpy import save_file

import agekit as api
from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.recipe import resolve
from agekit.tasks.estimator.export import model_config
from agekit.zoo.folder import save_model

REPO = "org/model"
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub that this process and those it starts speak to, and a user's folder of entries."""
    (tmp_path / "zoo").mkdir()
    with LoopbackHub() as hub:
        own = {"AGEKIT_CACHE": str(tmp_path / "cache"), "AGEKIT_ZOO": str(tmp_path / "zoo")}
        for name, value in (hub.env | own).items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def small(hub: LoopbackHub, tmp_path: Path) -> dict[str, bytes]:
    """A model on the Hub and in the index, called small; its files."""
    weights = np.random.RandomState(0).rand(1000, 500).astype(np.float32)
    save_file({"weight": weights}, tmp_path / WEIGHTS)
    files = {"config.json": b"{}", WEIGHTS: (tmp_path / WEIGHTS).read_bytes()}
    commit = hub.put(REPO, files | {"pytorch_model.bin": b"evil"})
    entry = {
        "schema_version": 1,
        "name": "small",
        "task": "estimator",
        "description": "",
        "source": f"hf-hub:{REPO}",
        "revision": commit,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
        },
        "parameters": 500_000,
        "licence": "unknown",
    }
    (tmp_path / "zoo" / "small.json").write_text(json.dumps(entry))
    return files


@pytest.fixture
def agekit(capsys):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main(["zoo", *arguments])
        return done.value.code, *capsys.readouterr()

    return run


def start(*arguments, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agekit", "zoo", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, out, err


def sent(hub: LoopbackHub) -> int:
    """How often the weights were sent."""
    return sum(r.method == "GET" and r.path.endswith(WEIGHTS) for r in hub.requests)


def leftovers(hub: LoopbackHub) -> list[str]:
    """What the cache holds besides whole files."""
    return [str(path) for path in hub.home.rglob(".agekit-*")]


@pytest.mark.slow
def test_from_a_model_to_a_prediction_by_way_of_the_hub(hub, run_warm, tmp_path):
    recipe = "ldl-resnet10-tiny"
    network = api.build(recipe, ages=(10, 40), size=32)
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    chosen = resolve(recipe, overrides=["data.size=32"]).recipe
    config = model_config(chosen, network, {"name": "tiny"}, interval, Alignment())
    card = "---\nlibrary_name: agekit\ntags: [face]\n---\n# tiny\n"
    save_model(tmp_path / "run" / "model", network, config, {}, card)

    done = run_warm("zoo", "push", "run", "org/tiny", "--tag", "v1")
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    assert f"commit {entry['revision']}" in done.stderr
    (tmp_path / "zoo" / "tiny.json").write_text(done.stdout)

    (listed,) = json.loads(run_warm("zoo", "list", "tiny", "--json").stdout)
    assert listed["cached"] is False
    done = run_warm("zoo", "pull", "tiny")
    assert (done.returncode, done.stderr) == (0, "")
    folder = Path(done.stdout.strip())
    assert folder.name == entry["revision"]
    hub.fail(500)
    done = run_warm("zoo", "verify", "tiny")
    assert (done.returncode, done.stdout) == (0, "tiny: ok\n")

    face = str(write_face(tmp_path / "face.png"))
    asked = ["predict", face, "--device", "cpu", "--json", "--model"]
    one, two = (run_warm(*asked, model) for model in ("tiny", "run"))
    assert one.returncode == 0, one.stderr
    assert json.loads(one.stdout) == json.loads(two.stdout)


@pytest.mark.slow
def test_the_clients_own_command_reads_what_was_pushed(hub, tmp_path):
    recipe = "reg-resnet10-tiny"
    network = api.build(recipe, ages=(10, 40), size=32)
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    chosen = resolve(recipe, overrides=["data.size=32"]).recipe
    config = model_config(chosen, network, {"name": "tiny"}, interval, Alignment())
    save_model(tmp_path / "model", network, config, {}, "---\ntags: [face]\n---\n# tiny\n")
    code, out, err = end(start("push", str(tmp_path / "model"), "org/tiny", "--tag", "v1"))
    assert code == 0, err
    commit = json.loads(out)["revision"]

    def hf(*arguments: str) -> str:
        command = [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert commit in hf("models", "info", "org/tiny")
    out = hf("download", "org/tiny", "--revision", "v1", "--local-dir", str(tmp_path / "copy"))
    for name in ("config.json", "README.md", WEIGHTS):
        true = (tmp_path / "model" / name).read_bytes()
        assert (tmp_path / "copy" / name).read_bytes() == true
    assert commit in hf("repos", "tag", "list", "org/tiny")
    hf("download", "org/tiny", "--revision", commit)
    assert "checksums match" in hf("cache", "verify", "org/tiny", "--revision", commit)


def test_a_plan_a_pull_and_a_pull_of_what_is_there(hub, small, agekit):
    code, out, err = agekit("pull", "small", "--dry-run")
    assert code == 0 and err == "2,000,082 bytes to fetch\n"
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["small", "config.json", "2", "to", "fetch"],
        ["small", WEIGHTS, "2,000,080", "to", "fetch"],
    ]
    assert hub.requests == []
    code, out, err = agekit("pull", "small")
    folder = Path(out.strip())
    assert (code, err) == (0, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == small
    code, out, err = agekit("pull", "small", "--json")
    (row,) = json.loads(out)
    assert (code, err, sent(hub)) == (0, "", 1)
    assert row == {
        "name": "small",
        "folder": str(folder),
        "pinned": f"hf-hub:{REPO}@{folder.name}",
        "files": [
            {"name": "config.json", "size": 2, "cached": True},
            {"name": WEIGHTS, "size": 2_000_080, "cached": True},
        ],
        "error": None,
    }


def test_what_is_not_pinned_is_warned_of(hub, small, agekit):
    commit = hub.commit(REPO).oid
    code, _, err = agekit("pull", f"hf-hub:{REPO}", "--dry-run")
    assert code == 0
    assert f"is not pinned to a commit, and what it gives can change; pin it: hf-hub:{REPO}@" in err
    assert commit in err
    assert "pinned" not in agekit("pull", f"hf-hub:{REPO}@{commit}", "--dry-run")[2]


def test_plain_copies(hub, small, agekit, tmp_path):
    out = tmp_path / "out"
    assert agekit("pull", "small", "--local-dir", str(out))[:2] == (0, f"{out}\n")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == small
    again = tmp_path / "again"
    assert agekit("pull", str(out), "--local-dir", str(again))[:2] == (0, f"{again}\n")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == small


def test_one_that_fails_does_not_stop_the_others(hub, small, agekit):
    code, out, err = agekit("pull", "smal", "small", "hf-hub:org/none")
    assert code == 1
    assert len(out.splitlines()) == 1
    first, _, third, _ = err.splitlines()
    assert "did you mean 'small'?" in first
    assert f"there is no such repository on {hub.endpoint}" in third
    code, out, err = agekit("pull", "hf-hub:org/none", "--json")
    (row,) = json.loads(out)
    assert code == 1 and "no such repository" in row["error"] and row["folder"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("pull",),
        ("pull", "a", "b", "--local-dir", "out"),
        ("pull", "a", "b", "--revision", "main"),
        ("pull", "hf-hub:org/m@main", "--revision", "main"),
        ("push", "none", "org/m"),
        ("push", ".", "org/m", "--create-pr", "--tag", "v1"),
    ],
)
def test_wrong_usage(hub, agekit, arguments):
    code, out, err = agekit(*arguments)
    assert code == 2 and out == "" and "Error: " in err
    assert hub.requests == []


@pytest.mark.slow
def test_two_processes_at_once(hub, small):
    hub.misbehave(Fault(WEIGHTS, ("GET",), change=lambda data: time.sleep(1.5) or data))
    answers = [end(process) for process in [start("pull", "small") for _ in range(2)]]
    assert [code for code, _, _ in answers] == [0, 0]
    assert len({out for _, out, _ in answers}) == 1
    assert sent(hub) == 1
    assert (Path(answers[0][1].strip()) / WEIGHTS).read_bytes() == small[WEIGHTS]


def heed_interrupts() -> None:
    """A process that is started in the background ignores them, and so do those it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_interrupted(hub, small):
    asked = threading.Event()
    slow = Fault(WEIGHTS, change=lambda data: asked.set() or time.sleep(1.5) or data)
    hub.misbehave(slow)
    process = start("pull", "small", preexec_fn=heed_interrupts)
    assert asked.wait(60)
    process.send_signal(signal.SIGINT)
    code, out, err = end(process)
    assert (code, out, err.strip()) == (130, "", "error: interrupted")
    assert leftovers(hub) == []
    hub.behave()
    assert end(start("pull", "small"))[0] == 0


@pytest.mark.slow
def test_a_full_disk(hub, small):
    limit = (1_000_000, 1_000_000)
    process = start(
        "pull", "small", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    code, out, err = end(process)
    assert (code, out) == (1, "")
    assert f"{WEIGHTS} of {REPO}: there is no room for it" in err and "hint: make room" in err
    assert leftovers(hub) == []
    assert not list(hub.home.rglob(WEIGHTS))
    assert end(start("pull", "small"))[0] == 0


def drop_privileges() -> None:
    """Makes the next program heed file modes even if it is root's."""
    override, drop = 1, 24
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(drop, override, 0, 0, 0):
        raise OSError("cannot drop the capability")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's capabilities")
def test_a_cache_that_cannot_be_written(hub, small, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    environment = os.environ | {"HF_HUB_CACHE": str(folder / "hub")}
    code, out, err = end(start("pull", "small", env=environment, preexec_fn=drop_privileges))
    assert (code, out) == (1, "")
    assert "config.json of org/model: cannot write" in err and "Permission denied" in err
    assert "hint: set HF_HOME to a folder you may write to" in err

    assert end(start("pull", "small"))[0] == 0
    paths = [hub.home, *hub.home.rglob("*"), tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    shutil.rmtree(tmp_path / "cache")
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)
    environment = os.environ | {"AGEKIT_CACHE": str(folder / "cache")}
    code, out, err = end(start("pull", "small", env=environment, preexec_fn=drop_privileges))
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    assert (code, err) == (0, "")
    assert (Path(out.strip()) / WEIGHTS).read_bytes() == small[WEIGHTS]


def test_help_names_the_options(agekit):
    code, out, _ = agekit("pull", "--help")
    assert code == 0
    for option in ("--revision", "--local-dir", "--dry-run", "--force", "--json"):
        assert option in out
    code, out, _ = agekit("push", "--help")
    for option in ("--private", "--create-pr", "--tag", "--dry-run", "--json"):
        assert option in out
