from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from agekit_synthfaces import write_face
from click.testing import CliRunner

from agekit.cli import agekit

PLUGIN = """
import numpy as np
from agekit.data.dataset import Dataset
from agekit.data.protocols import Protocol, by_content

def rule(name, **options):
    return Protocol(name, f"the rule {name}", by_content(0.8, 0.1, name), **options)

class Folds(Dataset):
    name = "folds"
    title = "Folds of faces"
    licence = "free"
    source = "https://example.org"
    citation = "Nobody 2020"
    layout = "anything"
    official = {"images": 1234, "people": 5}
    protocols = {r.name: r for r in (
        rule("usual", metrics=("mae", "cs5"), subject_exclusive=True),
        *(rule(f"fold-{k:02d}") for k in range(1, 13)),
        rule("last"),
    )}
    default_protocol = "usual"

    def read(self, root):
        raise NotImplementedError

class Broken(Folds):
    def __init__(self):
        raise RuntimeError("no luck")
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)


@pytest.fixture
def plugin(write_plugin) -> None:
    points = {"folds": "folds:Folds", "broken": "folds:Broken", "lost": "thrown:Lost"}
    write_plugin("agekit-folds", {"dataset": points}, {"folds.py": PLUGIN, "thrown.py": "1 / 0"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(8):
        write_face(tmp_path / "set" / f"{i}.png", 20 + i, i)
    lines = [f"{i}.png,{20 + i},{'train' if i < 6 else 'test'}" for i in range(8)]
    (tmp_path / "set" / "labels.csv").write_text("path,age,split\n" + "\n".join(lines))
    return tmp_path / "set"


def invoke(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(agekit, ["data", *arguments], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_the_group_is_light(tmp_path):
    program = (
        "import sys\nfrom agekit.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    for arguments in (["--help"], ["data", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
        )
        modules = done.stderr.split()
        assert not {"numpy", "torch", "agekit_datasets"} & {*modules}
    for command in ("list", "info", "check", "prepare", "pack"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.slow
def test_list_in_json(plugin, run_agekit):
    done = run_agekit("data", "list", "--json")
    assert done.returncode == 0
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["folds"] == {
        "name": "folds",
        "distribution": "agekit-folds",
        "version": "1.0",
        "title": "Folds of faces",
        "images": 1234,
        "protocol": "usual",
        "needs_root": True,
        "error": None,
    }
    assert found["synthfaces"]["needs_root"] is False
    assert found["csv"]["images"] is None
    assert "importing thrown fails: ZeroDivisionError" in found["lost"]["error"]
    assert found["broken"]["error"].endswith("RuntimeError: no luck")


def test_list_as_a_table(plugin):
    code, out, err = invoke("list")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("folds ")]
    for cell in ("Folds of faces", "1234", "usual", "yes", "agekit-folds 1.0"):
        assert cell in line
    assert "unusable: dataset 'lost' of agekit-folds 1.0" in err
    assert "unusable: dataset 'broken' of agekit-folds 1.0" in err


def test_list_says_which_name_two_give(plugin, write_plugin):
    write_plugin("agekit-other", {"dataset": {"folds": "folds:Folds"}})
    _, out, _ = invoke("list", "--json")
    givers = [one["distribution"] for one in json.loads(out) if one["name"] == "folds"]
    assert givers == ["agekit-folds", "agekit-other"]


def test_info_folds_families_of_protocols(plugin):
    code, out, _ = invoke("info", "folds")
    assert code == 0
    for text in ("free", "https://example.org", "anything", "1,234 images, 5 people", "Nobody"):
        assert text in out
    lines = out.splitlines()
    assert [line.split("  ")[0] for line in lines[-5:]] == [
        "protocol",
        "usual *",
        "fold-01 ... fold-12 (12)",
        "last",
        "* the default",
    ]
    assert lines[-4].split() == ["usual", "*", "the", "rule", "usual", "mae,", "cs5", "yes"]


def test_info_in_json(plugin):
    code, out, _ = invoke("info", "folds", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["official"] == {"images": 1234, "people": 5}
    assert told["alignment"] == "chips"
    assert (told["default_protocol"], told["distribution"]) == ("usual", "agekit-folds")
    assert [rule["name"] for rule in told["protocols"] if rule["default"]] == ["usual"]
    assert told["protocols"][0] == {
        "name": "usual",
        "description": "the rule usual",
        "metrics": ["mae", "cs5"],
        "subject_exclusive": True,
        "default": True,
    }
    assert len(told["protocols"]) == 14


def test_info_of_an_unknown_or_broken_dataset(plugin, run_agekit):
    done = run_agekit("data", "info", "synthface")
    assert done.returncode == 1
    assert "did you mean 'synthfaces'" in done.stderr
    done = run_agekit("data", "info", "lost")
    assert done.returncode == 1
    assert "importing thrown fails" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_check_of_a_sound_dataset(root, run_agekit):
    done = run_agekit("data", "check", "folder", "--root", str(root), "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["dataset"], told["protocol"], told["n"]) == ("folder", "folder:auto", 8)
    assert len(told["split_hash"]) == 16
    assert told["splits"]["train"]["n"] == 6
    assert (told["ok"], told["problems"]) == (True, [])


@pytest.mark.slow
def test_check_exits_with_1_on_what_breaks_training(root, run_agekit):
    (root / "7.png").write_bytes((root / "0.png").read_bytes())
    (root / "3.png").write_text("no image")
    done = run_agekit("data", "check", "folder", "--root", str(root))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("error (straddle): 1 identical images in more") for line in lines)
    assert "  0.png (train), 7.png (test)" in lines
    assert "  3.png: not an image agekit reads" in lines
    assert lines[-1] == "what breaks training: straddle"
    told = run_agekit("data", "check", "folder", "--root", str(root), "--json")
    assert told.returncode == 1
    problems = {p["kind"]: p for p in json.loads(told.stdout)["problems"]}
    assert {kind: p["severity"] for kind, p in problems.items()} == {
        "straddle": "error",
        "conflict": "warning",
        "unreadable": "warning",
    }
    assert problems["unreadable"]["examples"] == ["3.png: not an image agekit reads"]


def test_check_as_a_table(root):
    (root / "3.png").write_text("no image")
    code, out, err = invoke("check", "folder", "--root", str(root), "--no-decode")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("folder:auto: 8 faces (split ")
    assert [line.split() for line in lines[2:5]] == [
        ["train", "6", "20", "22.5", "25"],
        ["val", "0"],
        ["test", "2", "26", "26.5", "27"],
    ]
    assert lines[-1].endswith("training was found; the images were not decoded")


@pytest.mark.slow
def test_check_where_the_output_is_ascii(root, run_agekit):
    done = run_agekit("data", "check", "folder", "--root", str(root), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "20-29      8  " + "#" * 32 in done.stdout


@pytest.mark.slow
def test_check_of_another_protocol_and_of_none(root, run_agekit):
    _, out, _ = invoke(
        "check", "folder", "--root", str(root), "--protocol", "seeded-80-10-10", "--json"
    )
    assert json.loads(out)["protocol"] == "folder:seeded-80-10-10"
    done = run_agekit("data", "check", "folder", "--root", str(root), "--protocol", "seded-80")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'seeded-80-10-10'" in done.stderr


@pytest.mark.slow
def test_check_of_nothing(tmp_path, run_agekit):
    done = run_agekit("data", "check", "utkface", "--root", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: utkface: no such folder")
    done = run_agekit("data", "check", "synthfaces", "--protocol", "tiny", "--no-decode", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["splits"]["train"]["n"] > 300


def test_check_keeps_control_characters_off_the_terminal(root: Path) -> None:
    (root / "labels.csv").write_text('path,age\n"lost\x1b[2J\n.png",30\n0.png,20\n')
    result = CliRunner().invoke(
        agekit, ["data", "check", "csv", "--root", str(root / "labels.csv")]
    )
    assert "lost\\x1b[2J\\x0a.png" in result.output and "\x1b" not in result.output
