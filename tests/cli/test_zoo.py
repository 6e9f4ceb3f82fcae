from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import agekit
from agekit.cli.output import fits
from agekit.cli.zoo_list import list_
from agekit.data.alignment import Alignment
from agekit.recipe import resolve
from agekit.tasks.estimator.export import model_config
from agekit.zoo.folder import save_model

TEST = {"n": 40, "mae": 6.25, "bias": 0.5, "ca5": 0.5, "cs5": 0.5, "coverage": 0.9, "by_age": []}
METRICS = {"generations": [{"generation": 1, "metrics": {"test": TEST}}], "test": TEST}
INFO = {
    "name": "tiny",
    "recipe": "ldl-reg-resnet10-tiny",
    "dataset": "synthfaces",
    "protocol": "synthfaces:tiny",
    "split_hash": "0123456789abcdef",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The untrained model of a recipe."""
    recipe = resolve("ldl-reg-resnet10-tiny", overrides=["data.size=32"]).recipe
    network = agekit.build("ldl-reg-resnet10-tiny", ages=(10, 40), size=32).eval()
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    folder = tmp_path_factory.mktemp("made") / "model"
    save_model(
        folder, network, model_config(recipe, network, INFO, interval, Alignment()), METRICS, ""
    )
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """An empty folder of the user's own, and empty caches."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("AGEKIT_ZOO", str(folder))
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder


def document(name, **changes):
    return {
        "name": name,
        "task": "estimator",
        "description": f"{name}, for a test",
        "source": f"hf-hub:some/{name}",
        "revision": "1" * 40,
        "files": {
            "model.safetensors": {"sha256": "0" * 64, "size": 2_500_000},
            "config.json": {"sha256": "0" * 64, "size": 900},
        },
        "parameters": 1_250_000,
        "backbone": "resnet10-tiny",
        "metrics": {"mae": 5.5, "n": 40},
        "licence": "research only",
        "data": {"dataset": "utkface", "protocol": "utkface:random-80-20"},
        **changes,
    }


@pytest.fixture
def several(own):
    """Four entries."""
    for entry in (
        document("cen-a", metrics={"mae": 5.0}, parameters=3),
        document("cen-b", metrics={"mae": 4.0}, parameters=2, backbone="timm/x"),
        document("reg-c", requires={"agekit": "0.0.1", "agekit-none": "1.0"}, data={}, metrics={}),
        document("old-d", task="ager", metrics={"cycle_old": 0.1}, parameters=1),
    ):
        (own / f"{entry['name']}.json").write_text(json.dumps(entry))
    return own


def names(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_errors_of_two_test_sets_are_not_mixed(run_agekit, several):
    better = document("cen-z", metrics={"mae": 3.0}, data={"protocol": "zoo:other"})
    (several / "cen-z.json").write_text(json.dumps(better))
    done = run_agekit("zoo", "list", "cen-?", "--sort", "mae")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["cen-b", "cen-a", "cen-z"]
    assert done.stderr.startswith("note: the errors are of 2 test sets; compare them within one")


def test_models_of_several_datasets_are_of_each(run_agekit, several):
    both = {"dataset": "utkface+aaf", "protocol": "utkface:hash-80-10-10+aaf:grouped"}
    (several / "cen-z.json").write_text(json.dumps(document("cen-z", data=both, default=True)))
    for wanted in ("aaf", "a*f", "utkface+aaf", "utkface*"):
        done = run_agekit("zoo", "list", "cen-z", "--dataset", wanted)
        heads, row = done.stdout.splitlines()
        assert row.startswith("cen-z ") and heads.endswith("here")
        assert done.stderr == "note: used where no model is named: cen-z (estimator)\n"
    assert names(run_agekit("zoo", "list", "cen-z", "--dataset", "grouped", "-q")) == []


def test_json_has_what_the_contract_says(run_agekit, several):
    done = run_agekit("zoo", "list", "cen-?", "reg-?", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = json.loads(done.stdout)
    assert {key: first[key] for key in list(first)[:7]} == {
        "name": "cen-a",
        "task": "estimator",
        "source": "hf-hub:some/cen-a",
        "cached": False,
        "parameters": 3,
        "bytes": 2_500_900,
        "metrics": {"mae": 5.0},
    }
    assert (second["backbone"], second["missing"]) == ("timm/x", [])
    assert (third["missing"], third["giver"]) == (["agekit-none"], str(several))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["cen-?"], ["cen-a", "cen-b"]),
        (["*-[bd]"], ["cen-b", "old-d"]),
        (["cen-?", "old-d", "--exclude", "*-a"], ["cen-b", "old-d"]),
        (["*-?", "--task", "ager"], ["old-d"]),
        (["*-?", "--dataset", "utkface"], ["cen-a", "cen-b", "old-d"]),
        (["*-?", "--backbone", "timm/*"], ["cen-b"]),
        (["*-?", "--plugin", "AgeKit_None"], ["reg-c"]),
        (["*-?", "--here"], []),
        (["*-?", "--sort", "mae"], ["cen-b", "cen-a", "old-d", "reg-c"]),
        (["*-?", "--sort", "parameters"], ["old-d", "cen-b", "cen-a", "reg-c"]),
        (["*-?", "--sort", "bytes"], ["cen-a", "cen-b", "old-d", "reg-c"]),
    ],
)
def test_patterns_filters_and_order(run_agekit, several, arguments, expected):
    assert names(run_agekit("zoo", "list", "--quiet", *arguments)) == expected


def test_the_table(run_agekit, several):
    lines = run_agekit("zoo", "list", "*-?").stdout.splitlines()
    heads = [
        "name",
        "task",
        "MAE",
        "trained and tested on",
        "parameters",
        "MB",
        "here",
        "to install",
    ]
    assert lines[0].split() == " ".join(heads).split()
    cells = ["cen-a", "estimator", "5.00", "utkface:random-80-20", "3", "2.5", "no"]
    assert lines[1].split() == cells
    assert lines[3].split()[:3] == ["old-d", "ager", "utkface:random-80-20"]
    assert lines[4].endswith("2.5  no    pip install agekit-none")


def test_nothing_matches(run_agekit, several):
    done = run_agekit("zoo", "list", "cen-x")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no model matches; did you mean 'cen-b', 'cen-a'?\n"
    assert json.loads(run_agekit("zoo", "list", "cen-x", "--json").stdout) == []


@pytest.mark.slow
def test_a_broken_entry_is_told_and_the_others_listed(run_agekit, several):
    (several / "bad.json").write_text('{"name": "bad"')
    done = run_agekit("zoo", "list", "*-?", "--json")
    assert len(json.loads(done.stdout)) == 4
    assert done.stderr.startswith(f"unusable: {several / 'bad.json'}: ")
    assert "Traceback" not in done.stderr
    for command in ("info", "verify"):
        done = run_agekit("zoo", command, "bad")
        assert done.returncode == 1
        assert done.stderr.startswith("error: the zoo's entry ")


@pytest.mark.slow
def test_info(run_agekit, several):
    lines = run_agekit("zoo", "info", "reg-c").stdout.splitlines()
    assert lines[0] == "reg-c: reg-c, for a test"
    facts = dict(line.split("  ", 1) for line in lines[1:])
    assert facts["to install"].strip() == "pip install agekit-none"
    assert facts["source"].strip() == f"hf-hub:some/reg-c@{'1' * 40}"
    assert facts["here"].strip() == "no: `agekit zoo pull reg-c` fetches 2.5 MB"
    found = json.loads(run_agekit("zoo", "info", "cen-b", "--json").stdout)
    assert (found["name"], found["cached"], found["bytes"]) == ("cen-b", False, 2_500_900)
    assert found["files"]["config.json"] == {"sha256": "0" * 64, "size": 900}


@pytest.mark.slow
def test_info_of_what_is_none(run_agekit, several):
    done = run_agekit("zoo", "info", "cen-x")
    assert done.returncode == 1
    assert "there is no model 'cen-x'" in done.stderr and "did you mean 'cen-b'" in done.stderr
    done = run_agekit("zoo", "info", f"hf-hub:some/where@{'2' * 40}")
    assert done.returncode == 1 and "is not on this machine" in done.stderr


@pytest.mark.slow
def test_add_list_info_verify_predict(run_warm, own, made, tmp_path):
    done = run_warm(
        "zoo", "add", str(made), "--name", "small", "--half", "--out", str(own), "--json"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["entry"] == str(own / "small.json")
    assert answer["bytes"] < 2_600_000 and answer["change"] < 0.1
    [listed] = json.loads(run_warm("zoo", "list", "small", "--json").stdout)
    assert (listed["source"], listed["cached"]) == ("bundled:small", True)
    assert listed["metrics"]["mae"] == 6.25
    text = run_warm("zoo", "info", "small").stdout
    assert "synthfaces:tiny, split hash 0123456789abcdef" in text
    assert "Apache-2.0 (synthfaces)" in text
    done = run_warm("zoo", "verify", "small", str(made))
    assert (done.returncode, done.stdout) == (0, f"small: ok\n{made}: ok\n"), done.stderr
    again = run_warm("zoo", "add", str(made), "--name", "small", "--out", str(own))
    assert again.returncode == 1 and "is there already" in again.stderr
    from PIL import Image

    Image.new("RGB", (40, 40), "grey").save(tmp_path / "face.png")
    done = run_warm("predict", "face.png", "--model", "small", "--no-detect", "--json")
    assert done.returncode == 0, done.stderr
    assert 10 <= json.loads(done.stdout)[0]["faces"][0]["age"] <= 40


@pytest.mark.slow
def test_verify_names_the_file_and_exits_1(run_agekit, several, made):
    shutil.copytree(made, several / "model")
    (several / "model" / "model.safetensors").write_bytes(b"\x80\x02}q\x00.")
    (several / "bad.json").write_text("")
    done = run_agekit("zoo", "verify", "model")
    assert done.returncode == 1
    assert done.stdout.startswith("model: model.safetensors: ")
    assert "is a pickle" in done.stdout
    done = run_agekit("zoo", "verify", "--all", "--json")
    assert done.returncode == 1
    found = {answer["name"]: answer for answer in json.loads(done.stdout)}
    assert found["model"]["ok"] is False
    assert found["model"]["problems"][0]["file"] == "model.safetensors"
    assert (found["cen-a"]["ok"], found["cen-a"]["folder"]) == (None, None)
    assert "unusable: " in done.stderr


@pytest.mark.slow
def test_verify_of_what_is_not_here(run_agekit, several):
    done = run_agekit("zoo", "verify", "cen-a")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cen-a: not here; `agekit zoo pull cen-a` fetches it\n"


@pytest.mark.parametrize("arguments", [[], ["cen-a", "--all"]])
def test_verify_wants_names_or_all(run_agekit, own, arguments):
    done = run_agekit("zoo", "verify", *arguments)
    assert done.returncode == 2 and "name models, or give --all" in done.stderr


PROBE = """
import sys
from agekit.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""
HEAVY = ("torch", "timm", "mmengine", "numpy", "pydantic", "rich", "huggingface_hub", "agekit_")


@pytest.mark.slow
def test_five_hundred_entries(own):
    for k in range(500):
        entry = document(f"cen-{k:03d}", requires={"agekit": "0.0.1", "agekit-none": "1.0"})
        (own / f"cen-{k:03d}.json").write_text(json.dumps(entry, indent=1))
    command = [sys.executable, "-m", "agekit", "zoo", "list", "cen-???", "--json"]
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        times.append(time.perf_counter() - start)
        assert len(json.loads(done.stdout)) == 500
    assert min(times) < 2.5
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "zoo", "list"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert not [name for name in done.stderr.split() if name.startswith(HEAVY)]


def test_a_narrow_terminal_has_datasets_in_place_of_splits(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    rows = [("a" * 30, "b" * 48)]
    for columns, fitting in ((79, False), (80, True)):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert fits(("name", "on"), rows) is fitting
    monkeypatch.setattr("agekit.cli.zoo_list.fits", lambda *table: False)
    done = CliRunner().invoke(list_, ["sord-lite0", "cen-*"])
    assert done.exit_code == 0, done.output
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    row = next(line for line in done.stdout.splitlines() if line.startswith("sord-lite0"))
    assert "utkface+all-age-faces  3.00 M" in row
    assert "note: split by all-age-faces:grouped-80-10-10, utkface:hash-80-10-10" in done.stderr
