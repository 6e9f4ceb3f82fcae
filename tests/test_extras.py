"""What is told where an optional library is missing, in a process that cannot find it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

from agekit import extras
from agekit.errors import MissingLibraryError

ROOT = Path(__file__).parents[1]
WITHOUT = """
import sys
hidden = {hidden!r}
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
import importlib.util
from importlib.util import find_spec
importlib.util.find_spec = lambda name: None if name in hidden else find_spec(name)
{program}
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def without(tmp_path: Path) -> Run:
    """Runs `agekit`, or a program, where some libraries are not installed."""

    def run(
        *arguments: str, hidden: tuple[str, ...], program: str = ""
    ) -> subprocess.CompletedProcess[str]:
        program = program or "from agekit.cli import main; main(sys.argv[1:])"
        script = WITHOUT.format(hidden=hidden, program=program)
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


def requirements(folder: Path) -> Mapping[str, list[Requirement]]:
    with open(folder / "pyproject.toml", "rb") as file:
        optional = tomllib.load(file)["project"]["optional-dependencies"]
    return {extra: [Requirement(line) for line in lines] for extra, lines in optional.items()}


def brought(extra: str) -> set[str]:
    """The libraries of an extra of the core, through those that it names."""
    found: set[str] = set()
    for one in requirements(ROOT)[extra]:
        found |= set().union(*map(brought, one.extras)) if one.extras else {one.name}
    return found


def test_the_table_is_what_the_extras_bring() -> None:
    distribution = {"mmengine": "mmengine-lite"}
    for library, extra in extras._EXTRAS.items():
        assert distribution.get(library, library) in brought(extra)
    for extra, libraries in extras._NEEDED.items():
        assert {distribution.get(library, library) for library in libraries} == brought(extra)


def test_agekit_has_the_extras_of_the_distributions_it_brings() -> None:
    here = requirements(ROOT / "plugins" / "agekit")
    theirs = requirements(ROOT)
    for name in ("ager", "bench", "lite", "search", "serve", "ssrnet"):
        theirs |= requirements(ROOT / "plugins" / f"agekit-{name}")
    assert here.keys() == theirs.keys()
    for extra, (one,) in here.items():
        assert one.extras == {extra}


@pytest.mark.parametrize("whole", [True, False])
def test_the_command_names_what_is_installed(monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    def distribution(name: str) -> None:
        if not whole:
            raise extras.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras.metadata, "distribution", distribution)
    name = "agekit" if whole else "agekit-core"
    assert extras.install_command("heic") == f"pip install '{name}[heic]'"


def test_only_a_library_that_is_missing_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    assert extras.missing_library(absent) is None, "torch is there"
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    told = extras.missing_library(absent)
    assert told is not None and told.message == "this needs torch, which is not installed"
    wrapped = ValueError()
    wrapped.__cause__ = absent
    assert isinstance(extras.missing_library(wrapped), MissingLibraryError)
    unrelated = ValueError()
    unrelated.__context__ = absent
    for other in (unrelated, ModuleNotFoundError("x", name="mine"), ImportError("torch"), None):
        assert extras.missing_library(other) is None
    with pytest.raises(ModuleNotFoundError), extras.explained():
        raise ModuleNotFoundError("x", name="mine")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "hidden", "told"),
    [
        (["predict", "x.png", "--plot", "y.png"], ("matplotlib",), "--plot needs matplotlib"),
        (["train", "cen-resnet18", "synthfaces"], ("mmengine",), "training needs mmengine, which"),
        (
            ["train", "no-such", "synthfaces"],
            ("torch", "timm"),
            "training needs torch, timm, which are not",
        ),
        (["convert", "x", "--out", "y"], ("mmengine",), "evolver 'cyclegan' of agekit-cyclegan"),
        (["convert", "x", "--out", "y"], ("matplotlib",), "evolver 'cyclegan' of agekit-"),
        (["export", "cen-resnet10-tiny"], ("torch",), "this needs torch"),
    ],
)
def test_a_command_is_one_error_and_a_hint(
    without: Run, tmp_path: Path, arguments: list[str], hidden: tuple[str, ...], told: str
) -> None:
    done = without(*arguments, hidden=hidden)
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith(f"error: {told}")
    assert hint.startswith("  hint: pip install 'agekit[")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_library_that_cannot_be_loaded_is_one_error(tmp_path: Path) -> None:
    """As OpenCV where the system has no libGL.so.1, which the wheel without a display needs not."""
    site = tmp_path / "site"
    site.mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "x.png")
    (site / f"cv2{EXTENSION_SUFFIXES[0]}").write_bytes(b"no library")
    done = subprocess.run(
        [sys.executable, "-m", "agekit", "predict", "x.png"],
        env=os.environ | {"PYTHONPATH": str(site)},
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("error: the library cv2 cannot be loaded: ")
    assert hint.startswith("  hint: install it again")


def test_the_library_raises_it_too(without: Run) -> None:
    program = """
import agekit
from agekit.errors import MissingLibraryError
try:
    agekit.build
except MissingLibraryError as error:
    print(error)
"""
    done = without(hidden=("torch",), program=program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("this needs torch, which is not installed\n  hint: pip install")


@pytest.mark.slow
def test_what_runs_models_needs_no_library_of_training(without: Run) -> None:
    program = "import agekit; agekit.load, agekit.load_aging, agekit.build, agekit.evaluate"
    done = without(hidden=("mmengine", "matplotlib", "pyarrow"), program=program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_part_that_lacks_a_library_is_a_warning_of_doctors(without: Run) -> None:
    program = """
from agekit_testkit.doctor.examine import load_parts
load_parts("check", "60", "agekit-core", "backbone/resnet18", "detector/mtcnn")
"""
    done = without(hidden=("torch", "timm"), program=program)
    assert done.returncode == 0, done.stderr
    backbone, detector = map(json.loads, done.stdout.splitlines())
    assert (backbone["status"], backbone["check"]) == ("warning", "")
    assert "backbone 'resnet18' of agekit-core" in backbone["error"]
    assert "this needs timm, which is not installed" in backbone["error"]
    assert backbone["hint"] == "pip install 'agekit[torch]'"
    assert detector["error"] == ""
    assert detector["check"] == "left out: this needs torch, which is not installed"
