"""`agekit plugins new`: what it writes, what it refuses, that it works in a clean environment."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import yaml
from agekit_testkit.scaffold.names import name_plugin
from agekit_testkit.scaffold.parts import PARTS

from agekit.discovery import API_VERSION

ROOT = Path(__file__).parents[3]
LONGEST = "averyverylongnameofthirtychars"


def new(run_agekit, name, *options):
    done = run_agekit("plugins", "new", name, *options)
    assert "Traceback" not in done.stderr
    return done


def tool(name, folder, *arguments):
    command = [Path(sys.executable).with_name(name), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_plugin_is_whole_and_formatted_whatever_its_name(run_agekit, tmp_path, part):
    for name in ("x", LONGEST):
        done = new(run_agekit, name, "--part", part, "--json")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        folder = tmp_path / f"agekit-{name}"
        assert answer["distribution"] == folder.name
        assert answer["name"] == name
        files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert files == set(answer["files"])
        package = f"src/agekit_{name}"
        assert {
            ".github/workflows/test.yml",
            ".gitignore",
            "LICENSE",
            "README.md",
            "pyproject.toml",
            f"{package}/__init__.py",
            f"{package}/py.typed",
            f"tests/test_{name}.py",
        } <= files
        assert (f"{package}/{part}.py" in files) == (part != "recipe")
        texts = {file: (folder / file).read_text(encoding="utf-8") for file in files}
        assert not [file for file, text in texts.items() if "{{part" in text or "}}" in file]
        with open(folder / "pyproject.toml", "rb") as file:
            project = tomllib.load(file)["project"]
        assert project["license"] == "Apache-2.0"
        assert project["entry-points"]["agekit.api"] == {f"{API_VERSION}": f"agekit_{name}"}
        for group, points in project["entry-points"].items():
            if group == "agekit.recipes":
                assert f"{package}/recipes/{name}.yaml" in files
                assert points == {name: f"agekit_{name}.recipes:{name}"}
        for file in files:
            if file.endswith((".yaml", ".yml")):
                assert yaml.safe_load(texts[file])
        assert tool("ruff", folder, "check", "--no-cache").returncode == 0
        formatted = tool("ruff", folder, "format", "--check", "--diff", "--no-cache")
        assert formatted.returncode == 0, formatted.stdout


@pytest.mark.parametrize(
    ("name", "distribution", "cls"),
    [
        ("huber", "agekit-huber", "HuberLoss"),
        ("agekit-huber", "agekit-huber", "HuberLoss"),
        ("Agekit_My.Huber", "agekit-my-huber", "MyHuberLoss"),
        ("huber-loss", "agekit-huber-loss", "HuberLoss"),
        ("loss", "agekit-loss", "LossLoss"),
        ("none", "agekit-none", "NoneLoss"),
    ],
)
def test_names_follow_from_the_distribution(name, distribution, cls):
    names = name_plugin(name, "loss")
    assert (names.distribution, names.cls) == (distribution, cls)
    assert names.package == distribution.replace("-", "_")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("-huber", "no name of a package"),
        ("hub er", "no name of a package"),
        ("../huber", "no name of a package"),
        ("hübér", "no name of a package"),
        ("3d", "begin with a letter"),
        ("agekit", "cannot be the name of a part"),
        ("x" * 31, "at most 30 characters"),
        ("cen", "the plugin agekit-cen"),
        ("l1", "gives a loss 'l1' already"),
        ("ldl-reg", "gives a recipe 'ldl-reg' already"),
        ("cen-resnet18", "means the recipe 'cen' on 'resnet18' already"),
    ],
)
def test_names_that_cannot_be_are_refused(run_agekit, tmp_path, name, said):
    before = sorted(tmp_path.iterdir())
    done = new(run_agekit, "--", name)
    assert done.returncode == 1
    assert said in done.stderr
    assert "hint:" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_disabled_plugin_keeps_its_name(run_agekit):
    done = run_agekit("plugins", "new", "cen", AGEKIT_DISABLE_PLUGINS="agekit-cen")
    assert (done.returncode, "the plugin agekit-cen" in done.stderr) == (1, True)


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_nothing_is_written_over(run_agekit, tmp_path, what):
    place = tmp_path / "agekit-huber"
    if what == "file":
        place.write_text("mine")
    elif what == "folder":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    done = new(run_agekit, "huber")
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert not place.is_dir() or not any(place.iterdir())
    assert not list(tmp_path.glob(".agekit*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_made_is_said_in_one_line(run_agekit, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    done = new(run_agekit, "huber", "--out", str(tmp_path / "closed" / "huber"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_parent_that_is_a_file_leaves_nothing_behind(run_agekit, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = new(run_agekit, "huber", "--out", str(tmp_path / "file" / "huber"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert (tmp_path / "file").read_text() == "mine"


def test_wrong_usage(run_agekit):
    assert new(run_agekit, "huber", "--part", "lossy").returncode == 2


@pytest.mark.slow
def test_all_kinds_pass_mypy(run_agekit, tmp_path):
    for part in PARTS:
        assert new(run_agekit, f"my-{part}", "--part", part).returncode == 0
    folders = [tmp_path / f"agekit-my-{part}" / sub for part in PARTS for sub in ("src", "tests")]
    paths = os.pathsep.join(str(folder) for folder in folders)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, folders)],
        env={**os.environ, "MYPYPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Clean:
    """A virtual environment that sees the libraries, and agekit, of the running one.

    pip installs there what is on the disk alone, built with what is there.

    Args:
        folder: where to make it.
        cache: agekit's cache.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        venv.create(folder, symlinks=True)
        paths = {"base": str(folder), "platbase": str(folder)}
        site = Path(sysconfig.get_path("purelib", "venv", paths))
        seen = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
        lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in seen)
        (site / "libraries.pth").write_text(lines, encoding="utf-8")

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        own = ("AGEKIT_", "PIP_", "PYTHON", "UV_")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(own)}
        clean |= {"AGEKIT_CACHE": str(self.cache), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        clean["PATH"] = os.pathsep.join([str(self.folder / "bin"), clean.get("PATH", os.defpath)])
        python = str(self.folder / "bin" / "python")
        if command[0] == "pip":
            command += ("--no-index", "--no-deps", "--no-build-isolation")
        return subprocess.run(
            [python, "-m", *command],
            cwd=cwd,
            env=clean,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def install(self, project: Path) -> None:
        done = self.run("pip", "install", "--editable", ".", cwd=project)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    return Clean(tmp_path / "venv", tmp_path / "cache")


@pytest.mark.heavy
def test_all_kinds_install_are_listed_and_pass_their_own_tests(clean, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    folders = {part: work / f"agekit-my-{part}" for part in PARTS}
    for part, folder in folders.items():
        done = clean.run("agekit", "plugins", "new", f"my-{part}", "--part", part, cwd=work)
        assert done.returncode == 0, done.stderr
        clean.install(folder)
    listed = json.loads(clean.run("agekit", "list", "--json", cwd=work).stdout)
    names = {(p["distribution"], p["kind"], p["name"]) for p in listed}
    assert {(f.name, part, f"my-{part}") for part, f in folders.items()} <= names
    for part in ("dataset", "generator", "recipe"):
        done = clean.run("agekit", "plugins", "doctor", folders[part].name, cwd=work)
        assert done.returncode == 0, done.stdout + done.stderr
    tests = [str(folder / "tests") for folder in folders.values()]
    done = clean.run("pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=work)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("head", "recipe"):
        done = clean.run("agekit", "bench", "run", "suite.yaml", "--dry-run", cwd=folders[part])
        assert done.returncode == 0, done.stdout + done.stderr


GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<language>\w*)\n(?P<text>.*?)\n```\n", re.DOTALL)
NAMED = re.compile(r"`([\w./-]+\.(?:py|yaml))`")


def commands_of(text):
    return [shlex.split(line) for line in text.splitlines()]


@pytest.mark.slow
def test_the_guide_from_an_empty_folder_in_a_clean_environment(clean, tmp_path):
    here = tmp_path / "empty"
    here.mkdir()
    ran, written = [], []
    blocks = list(BLOCK.finditer(GUIDE))
    assert 2 * len(blocks) == GUIDE.count("```")
    for block in blocks:
        if block["language"]:
            if not (named := NAMED.findall(block["before"])):
                continue  # an example of its own, which tests/tasks/estimator/test_terms.py runs
            name = named[0]
            assert (here / name).is_file(), f"{name} is not what `agekit plugins new` writes"
            (here / name).write_text(block["text"] + "\n", encoding="utf-8")
            written.append(name)
            continue
        for command in commands_of(block["text"]):
            ran.append(command[0])
            if command[0] == "cd":
                here = here / command[1]
                continue
            done = clean.run(*command, cwd=here)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert [name.rpartition("/")[2] for name in written] == [
        "loss.py",
        "log_cosh.yaml",
        "test_log_cosh.py",
    ]
    assert ran == ["agekit", "cd", "pip", "agekit", "pytest", *["agekit"] * 4]
    results = (json.loads(p.read_bytes()) for p in (here / "tried").rglob("seed-0.json"))
    done = {found["recipe_name"]: found["status"] for found in results}
    assert done == {"log-cosh-resnet10-tiny": "done", "reg-resnet10-tiny": "done"}
    assert "agekit-log-cosh" in (here / "tried/index.html").read_text(encoding="utf-8")
    for name in ("check", "format --check"):
        done = tool("ruff", here, *name.split(), "--no-cache")
        assert done.returncode == 0, done.stdout
