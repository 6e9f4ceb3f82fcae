"""The distributions as users get them: what the archives hold, and what they do once installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterable
from email import message_from_string
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from agekit_export.onnx import export_onnx
from agekit_synthfaces import draw, person
from packaging.requirements import Requirement
from PIL import Image

from agekit.discovery import CORE, PACKAGE
from agekit.kinds import KINDS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PLUGINS = {path.parent.name: path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))}
DATA = {"_zoo": "zoo"}
"""Of the wheel of agekit: folders in it, and where they come from."""
PROJECTS = {CORE: ROOT, **PLUGINS}
PARTS = {kind.group: kind.name for kind in KINDS.values()}

NEED_LIBGL = {"opencv-python", "opencv-contrib-python", "mmengine"}
"""What needs a display's library, at import or through what it requires."""

QUICK = {"agekit-cen"}
"""With others of ours; `tests/test_requirements.py` reads what all import."""

BUILD = """
import sys, tarfile, tempfile
from pathlib import Path
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

target, *projects = sys.argv[1:]
for project in projects:
    [archive] = SdistBuilder(project).build(directory=target, versions=["standard"])
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
        [source] = Path(folder).iterdir()
        [_] = WheelBuilder(str(source)).build(directory=target, versions=["standard"])
"""
"""What `python -m build` has the backend do, for all of them in one process."""

Install = Callable[[str], "Installed"]


def project(name: str) -> dict[str, Any]:
    """The `[project]` table of a distribution."""
    with open(PROJECTS[name] / "pyproject.toml", "rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
        return table


def package(name: str) -> Path:
    """The import package of a distribution, in the checkout."""
    return ROOT / PACKAGE if name == CORE else PLUGINS[name] / "src" / name.replace("-", "_")


def parts(names: Iterable[str]) -> set[tuple[str, str, str]]:
    """Kind, name and distribution of every part that some distributions declare."""
    return {
        (PARTS[group], part, name)
        for name in names
        for group, points in project(name).get("entry-points", {}).items()
        if group in PARTS
        for part in points
    }


def with_requirements(name: str) -> set[str]:
    """A distribution and those of ours that it needs, through all of them."""
    needed = {Requirement(line).name for line in project(name)["dependencies"]} & PROJECTS.keys()
    return {name}.union(*(with_requirements(other) for other in needed))


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command as a fresh user's shell would: no variable of ours, no bytecode setting."""
    own = ("AGEKIT_", "PIP_", "PYTHON")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    environment = {**clean, **options.pop("env", {})}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, **options
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive of every distribution, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    done = run([sys.executable, "-c", BUILD, str(folder), *map(str, PROJECTS.values())])
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Callable[[str], dict[str, str]]:
    """The files of a distribution's wheel: name → text, of its metadata alone."""

    def read(name: str) -> dict[str, str]:
        (path,) = dist.glob(f"{name.replace('-', '_')}-{project(name)['version']}-py3-none-any.whl")
        with zipfile.ZipFile(path) as archive:
            return {
                file: archive.read(file).decode() if ".dist-info/" in file else ""
                for file in archive.namelist()
            }

    return read


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_package_and_nothing_else(
    name: str, wheel: Callable[[str], dict[str, str]]
) -> None:
    files = wheel(name)
    top = package(name)
    expected = {
        path.relative_to(top.parent).as_posix()
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if name == CORE:
        for inside, folder in DATA.items():
            data = (p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file())
            expected |= {f"agekit/{inside}/{path.as_posix()}" for path in data}
    assert f"{top.name}/py.typed" in expected or name == PACKAGE
    if name == "agekit-demo":  # its build fetches the runtime of the page
        runtime = f"{top.name}/onnxruntime-web/"
        expected |= {file for file in files if file.startswith(runtime)}
    assert {file for file in files if ".dist-info/" not in file} == expected
    for value in project(name).get("entry-points", {}).get("agekit.recipes", {}).values():
        assert value.replace(".", "/").replace(":", "/") + ".yaml" in files


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_carries_licence_and_metadata(
    name: str, wheel: Callable[[str], dict[str, str]]
) -> None:
    table = project(name)
    files = wheel(name)
    info = f"{name.replace('-', '_')}-{table['version']}.dist-info"
    assert files[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_text(encoding="utf-8")
    told = message_from_string(files[f"{info}/METADATA"])
    assert told["License-Expression"] == table["license"]
    assert table["license"] == ("Apache-2.0 AND MIT" if name == "agekit-demo" else "Apache-2.0")
    assert told["Summary"] == table["description"]
    assert told["Author"] == "The agekit developers"
    readme = PROJECTS[name].joinpath("README.md").read_text(encoding="utf-8")
    assert told.get_payload() == readme
    requirements = [Requirement(line) for line in told.get_all("Requires-Dist", [])]
    assert not [str(r) for r in requirements if r.url]
    assert not {r.name for r in requirements} & NEED_LIBGL
    for ours in (r for r in requirements if r.name in PROJECTS):
        assert ours.specifier.contains(project(ours.name)["version"])
    for group, points in table.get("entry-points", {}).items():
        section = files[f"{info}/entry_points.txt"].split(f"[{group}]\n")[1].split("\n[")[0]
        assert {*section.strip().splitlines()} == {f"{k} = {v}" for k, v in points.items()}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_source_archive_holds_no_tests_and_no_other_distribution(name: str, dist: Path) -> None:
    (path,) = dist.glob(f"{name.replace('-', '_')}-{project(name)['version']}.tar.gz")
    with tarfile.open(path) as archive:
        names = [Path(member.name).relative_to(path.name[: -len(".tar.gz")]) for member in archive]
    code = {PACKAGE, "zoo"} if name == CORE else {"src"}
    files = {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    files |= {"hatch_build.py"} if name == "agekit-demo" else set()
    assert {file.parts[0] for file in names} <= {*code, *files}
    assert {"LICENSE", "README.md", "pyproject.toml"} <= {str(file) for file in names}


def libraries(requirement: str) -> set[str]:
    """The distributions that a requirement brings, through all of them; ours are left out."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(requirement)]
    while waiting:
        one = waiting.pop()
        key = (one.name, frozenset(one.extras))
        if key in found:
            continue
        found.add(key)
        for line in metadata.requires(one.name) or []:
            needed = Requirement(line)
            extras = {*one.extras, ""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    return {name for name, _ in found} - PROJECTS.keys()


class Installed:
    """A virtual environment outside the checkout, and its `agekit` command.

    Its libraries are those that the requirement brings and no other, linked to the running
    environment's; of agekit it has only what was installed from wheels.

    Args:
        folder: where to make it; need not exist.
        cache: agekit's cache.
        requirement: what is to be installed.
        wheels: the folder of all that is ours.
    """

    def __init__(self, folder: Path, cache: Path, requirement: str, wheels: Path) -> None:
        self.folder = folder
        self.cache = cache
        self.wheels = wheels
        venv.create(folder, symlinks=True)
        variables = {"base": str(folder), "platbase": str(folder)}
        self.site = Path(sysconfig.get_path("purelib", "venv", variables))
        for name in libraries(requirement):
            found = metadata.distribution(name)
            for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
                link = self.site / top
                if top != "__pycache__" and link.suffix != ".pth" and not link.exists():
                    link.symlink_to(Path(str(found.locate_file(top))))
        self.work = folder / "work"
        self.work.mkdir()
        self.pip_install(requirement)

    def pip_install(self, requirement: str) -> None:
        """Installs from a folder of wheels alone, with dependencies resolved."""
        python = str(self.folder / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--isolated", "--python", python, "install"]
        done = run([*pip, "--no-index", "--find-links", str(self.wheels), requirement])
        assert done.returncode == 0, done.stdout + done.stderr

    def agekit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs its `agekit` in an empty folder."""
        command = [str(self.folder / "bin" / "agekit"), *arguments]
        variables = {"AGEKIT_CACHE": str(self.cache), "OMP_NUM_THREADS": "1"}
        return run(command, cwd=self.work, env=variables)

    def json(self, *arguments: str) -> Any:
        """What a command that must succeed answers with `--json`."""
        done = self.agekit(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def examine(self, *names: str) -> str:
        """What `agekit plugins doctor` says of parts that can be imported, once it is there too."""
        self.pip_install("agekit-testkit")
        done = self.agekit("plugins", "doctor", "--no-check", *names)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def parts(self) -> set[tuple[str, str, str]]:
        """Kind, name and distribution of everything it lists."""
        return {(p["kind"], p["name"], p["distribution"]) for p in self.json("list")}


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> Install:
    """Installs a requirement into an environment of its own."""
    cache = tmp_path_factory.mktemp("cache")

    def make(requirement: str) -> Installed:
        return Installed(tmp_path_factory.mktemp("installed") / "venv", cache, requirement, dist)

    return make


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the zoo as an ONNX file, and a photo for it beside."""
    folder = tmp_path_factory.mktemp("exported")
    Image.fromarray(draw(person(1, 7), 42, 256)).save(folder / "photo.png")
    export_onnx("cen-resnet10-tiny", folder / "ages.onnx")
    return folder


def test_the_core_alone_needs_no_torch_and_names_what_it_lacks(
    install: Install, exported: Path
) -> None:
    core = install(CORE)
    assert not {"torch", "timm", "mmengine", "pyarrow", "matplotlib"} & {*os.listdir(core.site)}
    assert core.parts() == parts([CORE])
    assert [d["name"] for d in core.json("plugins", "list")] == [CORE]
    done = core.agekit("train", "cen-resnet10-tiny", "synthfaces")
    assert done.returncode == 1
    assert "training needs torch" in done.stderr
    assert "hint: pip install 'agekit-core[train]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(core.work.iterdir())
    done = core.agekit("age", "photo.png")
    assert done.returncode == 1 and "pip install agekit-ager" in done.stderr
    program = "import agekit; agekit.load_aging()"
    done = run([str(core.folder / "bin" / "python"), "-c", program])
    assert "agekit-ager gives it, which is not installed" in done.stderr
    [model] = core.json("zoo", "list")
    assert model["missing"] == ["agekit-lite", "agekit-ldl"], "what it calls agekit is here"
    assert core.json("zoo", "info", model["name"])["licence"]
    assert core.agekit("zoo", "pull", model["name"]).returncode == 0
    assert core.json("zoo", "verify", "--all")[0]["ok"]
    for command, giver in (
        (["data", "list"], "agekit-datasets"),
        (["zoo", "publish", "org"], "agekit-publish"),
        (["data", "check", "csv", "--root", "x.csv"], "agekit-datasets"),
        (["data", "pack", "csv", "--out", "x.parquet"], "agekit-datasets"),
        (["data", "prepare", "csv", "--out", "x"], "agekit-datasets"),
        (["export"], "agekit-export"),
        (["plugins", "doctor"], "agekit-testkit"),
        (["plugins", "new", "huber"], "agekit-testkit"),
    ):
        refused = core.agekit(*command)
        assert refused.returncode == 1
        error, hint = refused.stderr.splitlines()
        assert error == f"error: the command `agekit {' '.join(command[:2])}` is not installed"
        assert f"pip install {giver}" in hint
    photo, ages = exported / "photo.png", exported / "ages.onnx"
    [answer] = core.json("predict", str(photo), "--model", str(ages))
    assert 20 < answer["faces"][0]["age"] < 60
    program = "import cv2; assert 'libGL' not in open('/proc/self/maps').read()"
    done = run([str(core.folder / "bin" / "python"), "-c", program])
    assert done.returncode == 0, done.stderr
    assert core.examine().count("  hint: ") == 1, "what all of its parts lack is told once"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.heavy)
        for name in sorted(PLUGINS.keys() - {PACKAGE, "agekit-datasets"})
    ],
)
def test_a_plugin_works_with_nothing_but_its_requirements(name: str, install: Install) -> None:
    alone = install(name)
    assert alone.parts() == parts(with_requirements(name))
    if parts([name]):
        alone.examine(name)


def test_datasets_are_read_cut_and_packed_without_torch(install: Install, exported: Path) -> None:
    name = "agekit-datasets"
    alone = install(name)
    assert not {"torch", "timm", "mmengine"} & {*os.listdir(alone.site)}
    assert alone.parts() == parts(with_requirements(name))
    alone.examine(name)
    (alone.work / "photos" / "42").mkdir(parents=True)
    (alone.work / "photos" / "42" / "a.png").write_bytes((exported / "photo.png").read_bytes())
    cut = alone.json("data", "prepare", "folder", "--root", "photos", "--out", "chips")
    assert (cut["done"], cut["failed"]) == (1, 0)
    packed = alone.json("data", "pack", "folder", "--root", "chips", "--out", "x.parquet")
    assert packed["n"] == 1
    report = alone.agekit("data", "check", "folder", "--root", "x.parquet", "--json")
    assert json.loads(report.stdout)["n"] == 1


def test_agekit_installs_everything_and_it_trains(install: Install, exported: Path) -> None:
    everything = install(PACKAGE)
    assert everything.parts() == parts(PROJECTS)
    assert everything.agekit("predict", str(exported / "photo.png")).returncode == 0
    aged = everything.agekit("age", str(exported / "photo.png"), "--out", "aged")
    assert aged.returncode == 0, aged.stderr
    shown = everything.agekit("recipe", "show", "cen")
    assert shown.returncode == 0, shown.stderr
    assert "coupled" in shown.stdout
    quick = ["--protocol", "tiny", "--preset", "quick", "--epochs", "1", "--set", "data.size=32"]
    train = ["train", "cen-resnet10-tiny", "synthfaces", *quick, "--generations", "2"]
    result = everything.json(*train, "--device", "cpu", "--out", "run")
    assert [g["generation"] for g in result["generations"]] == [1, 2]
    scored = everything.json(
        "evaluate", "run", "synthfaces", "--protocol", "tiny", "--device", "cpu"
    )
    assert scored["metrics"]["mae"] == pytest.approx(result["metrics"]["test"]["mae"], abs=1e-3)
